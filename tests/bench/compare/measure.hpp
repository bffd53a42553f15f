// The measurements, each made in a fresh process that compare starts from itself.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "bench/compare/writer.hpp"

namespace bench {

/// burst, burst-text, paced, tight, rate, kill, kill-tight.
struct Measurement {
  std::string mode = {};
  int threads = 1;
  /// 1: as measured for the record; less for a quick look.
  double scale = 1;

  [[nodiscard]] std::string label() const {
    return mode == "tight" ? mode + "-" + std::to_string(threads) : mode;
  }
};

/// What the child process does: measures and prints one JSON object.
void measure_here(const Peer& peer, const Measurement& what,
                  const std::filesystem::path& directory);

/// What the driver does: starts the child in an empty directory below `scratch`, adds what only the
/// driver can see (bytes on disk, records lost), and removes the directory. Throws on failure.
nlohmann::json measure(const Peer& peer, const Measurement& what,
                       const std::filesystem::path& scratch);

}  // namespace bench
