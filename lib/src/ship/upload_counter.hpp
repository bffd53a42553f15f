// UploadCounter: how many bytes of packs and artifacts have arrived in a pass, and how many wait,
// for who listens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>

#include "platform/file_system.hpp"
#include "ship/uploader.hpp"

namespace runlog {

class UploadCounter {
 public:
  using Listener = std::function<void(std::uint64_t shipped, std::uint64_t waiting)>;
  /// Both must outlive it.
  UploadCounter(const Listener& listener, const UploadOutcome& outcome)
      : listener_(listener), outcome_(outcome) {}

  void expect(const std::filesystem::path& file) {
    if (listener_) waiting_ += bytes_[file] = size_of(file);
  }
  /// It was tried: where it is not waiting any more, it has arrived, or it is in torn/.
  void moved_on(const std::filesystem::path& file) {
    const auto known = bytes_.find(file);
    if (known == bytes_.end() || !is_absent(file)) return;
    waiting_ -= known->second;
    tell();
  }
  void tell() const {
    if (listener_) listener_(outcome_.bytes, waiting_);
  }

  static std::uint64_t size_of(const std::filesystem::path& file) {
    const auto info = stat_file(file);
    return info ? info->bytes : 0;
  }

 private:
  const Listener& listener_;
  const UploadOutcome& outcome_;
  std::map<std::filesystem::path, std::uint64_t> bytes_;
  std::uint64_t waiting_ = 0;
};

}  // namespace runlog
