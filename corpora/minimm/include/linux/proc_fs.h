/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_PROC_FS_H
#define _LINUX_PROC_FS_H

#include <linux/fs.h>

#define S_IRUSR	00400

struct proc_dir_entry;

/* What a file under /proc can do. */
struct proc_ops {
	unsigned int proc_flags;
	int (*proc_open)(struct inode *inode, struct file *file);
	ssize_t (*proc_read)(struct file *file, char __user *buf, size_t count, loff_t *ppos);
	loff_t (*proc_lseek)(struct file *file, loff_t offset, int whence);
};

loff_t mem_lseek(struct file *file, loff_t offset, int whence);
struct proc_dir_entry *proc_create(const char *name, umode_t mode,
				   struct proc_dir_entry *parent,
				   const struct proc_ops *proc_ops);

#endif
