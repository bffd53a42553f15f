#include "platform/file_system_kind.hpp"

#include <sys/vfs.h>

#include <array>
#include <cerrno>

namespace runlog {
namespace {

struct Known {
  std::uint32_t magic;
  FileSystemKind kind;
};
using Place = FileSystemKind::Place;

// From <linux/magic.h> and, where a file system is not part of the kernel, from its own sources.
// Shared disks with coherent caches and locks (OCFS2, GFS2) count as local.
constexpr std::array<Known, 13> kKnown = {{
    {0x00006969, {Place::network, "NFS"}},
    {0x0000517B, {Place::network, "SMB"}},
    {0xFF534D42, {Place::network, "CIFS"}},
    {0xFE534D42, {Place::network, "SMB"}},
    {0x0BD00BD0, {Place::network, "Lustre"}},
    {0x00C36400, {Place::network, "Ceph"}},
    {0x47504653, {Place::network, "GPFS"}},
    {0x19830326, {Place::network, "BeeGFS"}},
    {0x5346414F, {Place::network, "AFS"}},
    {0x6B414653, {Place::network, "AFS"}},
    {0x73757245, {Place::network, "Coda"}},
    {0x65735546, {Place::unclear, "FUSE"}},
    {0x01021997, {Place::unclear, "9p"}},
}};

}  // namespace

FileSystemKind file_system_kind(std::uint32_t magic) noexcept {
  for (const Known& known : kKnown) {
    if (known.magic == magic) return known.kind;
  }
  return {};
}

FileSystemKind file_system_of(const std::filesystem::path& path) {
  struct statfs info {};
  for (std::filesystem::path at = path;; at = at.parent_path()) {
    int result = 0;
    do {
      result = ::statfs(at.empty() ? "." : at.c_str(), &info);
    } while (result != 0 && errno == EINTR);
    if (result == 0) return file_system_kind(static_cast<std::uint32_t>(info.f_type));
    if (errno != ENOENT || at.empty() || at == at.root_path()) return {};
  }
}

}  // namespace runlog
