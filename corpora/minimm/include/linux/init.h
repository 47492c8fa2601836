/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_INIT_H
#define _LINUX_INIT_H

#include <linux/compiler.h>

typedef int (*initcall_t)(void);

/* Called once at boot, after the core is up. */
#define fs_initcall(fn) \
	static const initcall_t __initcall_##fn __maybe_unused = fn

#endif
