// HttpBodyFile: the body of a request, read from its file piece by piece as the network takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "platform/file_system.hpp"
#include "store/http/http_client.hpp"

namespace runlog {

class HttpBodyFile {
 public:
  explicit HttpBodyFile(const HttpRequest& request) : request_(request) {}

  Result<void> open();
  /// The next bytes into `target`; how many, 0 at the end. Nothing: the file cannot be read, or
  /// became shorter; error() says so.
  std::optional<std::size_t> read(std::span<std::byte> target) noexcept;
  /// For the connection that died between two requests: the body is sent again.
  void seek(std::uint64_t offset) noexcept { offset_ = offset; }
  [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }
  [[nodiscard]] Error& error() noexcept { return error_; }

 private:
  const HttpRequest& request_;
  OpenFile file_;
  std::uint64_t offset_ = 0;  // of the next read
  bool has_failed_ = false;
  Error error_ = {};
};

}  // namespace runlog
