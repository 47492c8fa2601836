/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_UACCESS_H
#define _LINUX_UACCESS_H

#include <linux/types.h>

/* The copy itself; returns the bytes that could not be copied. */
unsigned long __copy_to_user(void __user *to, const void *from, unsigned long n);

/* 0, or non-zero where user space cannot be written. */
#define put_user(x, ptr) ({						\
	typeof(*(ptr)) __pu_val = (x);					\
	__copy_to_user(ptr, &__pu_val, sizeof(*(ptr))) ? -EFAULT : 0;	\
})

#endif
