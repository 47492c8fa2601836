/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_FS_H
#define _LINUX_FS_H

#include <linux/errno.h>
#include <linux/types.h>

struct inode;

struct file {
	void *private_data;
};

struct file_operations {
	ssize_t (*read)(struct file *file, char __user *buf, size_t count, loff_t *ppos);
	int (*open)(struct inode *inode, struct file *file);
};

#endif
