// Owners: the superuser recovers the journals of others as they would themselves: in a child
// process per owner, which has given up all its rights for those of that user before it looks at a
// journal.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace runlog::recover_tool {

/// Becomes that user for good: user and groups of the user database; the group "nogroup" where it
/// does not know the user. Other processes of that user can neither read nor trace this one. Empty:
/// done. Else why not, and then this process is not to go on.
[[nodiscard]] std::string become(std::uint32_t user);

/// What this process is to do where it is such a child; nothing: it is none.
struct ChildTask {
  std::uint32_t owner = 0;
  std::optional<std::chrono::milliseconds> timeout = {};  ///< what is left of it
};
/// Throws where the environment has something that no parent has put there.
[[nodiscard]] std::optional<ChildTask> task_of_child();

/// This program once more, with its arguments; the environment says for whom.
class OwnerChildren {
 public:
  OwnerChildren(int argc, char** argv) : arguments_(argv, argv + argc) {}

  /// Runs one to its end; SIGTERM is passed on when `stop` is requested. Its exit code; that of
  /// something that waits if it could not be started, or was killed.
  [[nodiscard]] int run(std::uint32_t user, std::chrono::milliseconds timeout,
                        const std::stop_token& stop) const;

  /// For --watch: starts one that stays, unless that user has one that is alive. At most
  /// kChildren_max live at once: returns false where there is no room.
  bool keep(std::uint32_t user);
  /// Ends all that stay, and waits for them. The worst of their exit codes.
  [[nodiscard]] int end_all();

  static constexpr std::size_t kChildren_max = 64;

 private:
  [[nodiscard]] pid_t start(std::uint32_t user,
                            std::optional<std::chrono::milliseconds> timeout) const;

  const std::vector<std::string> arguments_;
  std::map<std::uint32_t, pid_t> staying_;
};

/// Of two exit codes the one that says more: waiting, failed, damaged, whole.
[[nodiscard]] int worse(int a, int b) noexcept;

/// Whether this is such a child, and the process that has started it is gone.
[[nodiscard]] bool is_orphan();

}  // namespace runlog::recover_tool
