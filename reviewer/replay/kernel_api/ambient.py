"""What has no effect in a sequentially consistent model: barriers, RCU, logs, checks; keys.

RCU pins nothing (it delays only what is freed by RCU, and struct pages are not). Preemption
and interrupts are the explorer's business. A static key stands where the scenario put it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call, Index, Name, Unary
from reviewer.replay.kernel_api.support import Primitive, argument, fixed, nothing
from reviewer.replay.machine.arith import Operand, constant
from reviewer.replay.stepping.thread import Undecided

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering

_SILENT = (
    *("barrier", "mb", "rmb", "wmb", "smp_mb", "smp_rmb", "smp_wmb", "cpu_relax"),
    *("smp_mb__before_atomic", "smp_mb__after_atomic", "smp_acquire__after_ctrl_dep"),
    *("smp_read_barrier_depends", "unreachable", "__builtin_unreachable"),
    *("rcu_read_lock", "rcu_read_unlock", "rcu_read_lock_sched", "rcu_read_unlock_sched"),
    *("rcu_read_lock_bh", "rcu_read_unlock_bh", "RCU_LOCKDEP_WARN"),
    *("preempt_disable", "preempt_enable", "preempt_enable_no_resched"),
    *("preempt_disable_notrace", "preempt_enable_notrace", "instrumentation_begin"),
    *("instrumentation_end", "might_sleep", "might_sleep_if", "might_fault", "might_alloc"),
    *("cant_sleep", "local_irq_disable", "local_irq_enable", "local_irq_save"),
    *("local_irq_restore", "local_bh_disable", "local_bh_enable", "local_lock", "local_unlock"),
    *("local_lock_irq", "local_unlock_irq", "local_lock_irqsave", "local_unlock_irqrestore"),
    *(
        "printk",
        "print_hex_dump",
        "printk_once",
        "printk_ratelimited",
        "printk_deferred",
        "no_printk",
        "_printk",
    ),
    *("dynamic_pr_debug", "touch_nmi_watchdog", "set_page_owner", "reset_page_owner"),
    *("split_page_owner", "debug_check_no_locks_freed", "debug_check_no_obj_freed"),
    *("page_table_check_free", "mod_mthp_stat", "count_mthp_stat"),
)
_SILENT_PREFIXES = (
    "pr_", "dev_", "trace_", "lockdep_", "kasan_", "kcsan_", "kmsan_", "arch_kmsan_",
    "count_vm_", "__count_vm_", "count_memcg_", "__count_memcg_",
)  # fmt: skip


def _static_branch(low: CallLowering, call: Call) -> Operand:
    key = argument(call, len(call.args) - 1)  # static_branch_maybe(CONFIG, &key)
    if isinstance(key, Unary) and key.op == "&":
        key = key.operand
    if isinstance(key, Index):
        key = key.base  # all keys of an array stand alike
    if not isinstance(key, Name):
        raise Undecided("needs a static key by name", call.span)
    value = low.machine.static_keys.get(key.name)
    if value is None:
        raise Undecided(f"needs static key {key.name}", call.span)
    return constant(int(value))


def find(name: str) -> Primitive | None:
    """Return the primitive for a family of names (``pr_``, ``lockdep_``)."""
    return nothing if name.startswith(_SILENT_PREFIXES) else None


def _cond_resched(_low: CallLowering, _call: Call) -> Operand:
    return constant(0)


TABLE: dict[str, Primitive] = dict.fromkeys(_SILENT, nothing)
TABLE["cond_resched"] = _cond_resched
TABLE["rcu_read_lock_held"] = fixed(1)
for _name in ("cpu_feature_enabled", "static_cpu_has", "boot_cpu_has"):
    TABLE[_name] = fixed(0)  # a plain x86-64 CPU has no optional feature
for _name in ("likely", "unlikely", "maybe"):
    TABLE[f"static_branch_{_name}"] = _static_branch
TABLE["static_key_enabled"] = _static_branch
TABLE["static_key_false"] = _static_branch
TABLE["static_key_true"] = _static_branch
