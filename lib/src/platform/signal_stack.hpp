// Alternate signal stacks: a thread whose own stack has overflowed cannot run a handler on it, and
// would leave no reason. Each thread that logs gets one, unless it has one already.
#pragma once

namespace runlog {

/// Gives this thread an alternate signal stack, with a page below it that cannot be touched, unless
/// it has one. One load once that is done. Without memory the thread simply has none.
void give_signal_stack() noexcept;

/// Takes the stack back that give_signal_stack() gave, if it is still in use, and frees it. For the
/// end of a thread: from a destructor of a pthread key, whose value is set again by each call that
/// leads to give_signal_stack(). A thread that logs after that gets another.
void take_back_signal_stack() noexcept;

}  // namespace runlog
