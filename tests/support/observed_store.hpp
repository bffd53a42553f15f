// ObservedStore: a directory store seen as a store in the cloud is seen, through list, head and get
// only. It counts what it is asked for, and lies or fails where a test says so.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/object_store.hpp"

namespace test {

struct StoreFaults {
  using Bytes = std::span<const std::byte>;

  std::set<std::string> vanished = {};              ///< listed, but not found by head and get
  std::set<std::string> unavailable = {};           ///< get does not answer
  std::set<std::string> forbidden = {};             ///< get is not allowed
  std::map<std::string, int> flaky = {};            ///< so many gets fail, then they work
  std::set<std::string> cut = {};                   ///< get gives half of what it should
  std::set<std::string> talkative = {};             ///< get gives more than it was asked for
  std::set<std::string> scrambled = {};             ///< get gives other bytes
  std::map<std::string, std::uint64_t> sizes = {};  ///< what list and head say
  std::map<std::string, std::string> digests = {};  ///< what head says
  std::vector<runlog::ObjectInfo> invented = {};    ///< listed besides
  bool is_list_forbidden = false;
  bool no_heads = false;       ///< head does not answer
  bool overwrites = false;     ///< put does not mind what is there
  bool refuses_puts = false;   ///< not allowed
  bool scrambles_all = false;  ///< every get gives other bytes
};

class ObservedStore final : public runlog::ObjectStore {
 public:
  explicit ObservedStore(const std::filesystem::path& directory)
      : directory_(directory), inner_(std::move(*runlog::open_store(directory.native()))) {}

  StoreFaults faults = {};
  std::vector<std::string> listed = {};           // prefixes; "**" behind those listed whole
  std::map<std::string, std::uint64_t> got = {};  // bytes by name
  std::vector<std::pair<std::string, runlog::ByteRange>> ranges = {};  // of each get
  std::size_t gets = 0;
  std::size_t heads = 0;

  runlog::PutAnswer put(const std::string& name, const std::filesystem::path& file) override {
    if (faults.refuses_puts) {
      return {.verdict = runlog::PutAnswer::Verdict::retry,
              .error = {runlog::Errc::read_only, 0, "PUT " + name + ": 403; ask its owner"}};
    }
    if (faults.overwrites) std::filesystem::remove(directory_ / name);
    return inner_->put(name, file);
  }
  runlog::Result<std::string> sha256(const std::string& name) override {
    return inner_->sha256(name);
  }
  runlog::Result<runlog::ObjectInfo> head(const std::string& name) override {
    ++heads;
    if (faults.no_heads) {
      return runlog::Error{runlog::Errc::unavailable, 0, "HEAD " + name + ": no answer"};
    }
    if (faults.vanished.contains(name)) return not_found(name);
    auto info = inner_->head(name);
    if (!info) return info;
    if (faults.sizes.contains(name)) info->bytes = faults.sizes.at(name);
    if (faults.digests.contains(name)) info->sha256 = faults.digests.at(name);
    return info;
  }
  runlog::Result<void> list(const std::string& prefix, bool whole_tree,
                            const Visit& visit) override {
    listed.push_back(prefix + (whole_tree ? "**" : ""));
    if (faults.is_list_forbidden) {
      return runlog::Error{runlog::Errc::unsupported, 0, "this server cannot list"};
    }
    auto done = inner_->list(prefix, whole_tree, [&](const runlog::ObjectInfo& found) {
      runlog::ObjectInfo info = found;
      if (faults.sizes.contains(info.name)) info.bytes = faults.sizes.at(info.name);
      visit(info);
    });
    for (const auto& info : faults.invented) visit(info);
    return done;
  }
  runlog::Result<void> get(const std::string& name, runlog::ByteRange range,
                           const Sink& sink) override {
    ++gets;
    ranges.emplace_back(name, range);
    if (faults.vanished.contains(name)) return not_found(name);
    if (faults.unavailable.contains(name) || faults.flaky[name]-- > 0) {
      return runlog::Error{runlog::Errc::unavailable, 0, "GET " + name + ": no answer"};
    }
    if (faults.forbidden.contains(name)) {
      return runlog::Error{runlog::Errc::read_only, 0, "GET " + name + ": 403; ask its owner"};
    }
    if (faults.talkative.contains(name) && range.end != UINT64_MAX) range.end += 1000;
    std::vector<std::byte> bytes;
    auto done = inner_->get(name, range, [&](std::span<const std::byte> chunk) {
      bytes.insert(bytes.end(), chunk.begin(), chunk.end());
      return runlog::Result<void>{};
    });
    if (!done) return done;
    if (faults.talkative.contains(name)) bytes.resize(bytes.size() + 1000);
    if (faults.cut.contains(name)) bytes.resize(bytes.size() / 2);
    if (faults.scrambles_all || faults.scrambled.contains(name)) {
      for (std::size_t at = 0; at < bytes.size(); at += 7) bytes[at] ^= std::byte{0x55};
    }
    got[name] += bytes.size();
    // In small pieces, as from a network.
    for (std::size_t at = 0; at < bytes.size(); at += kPiece_bytes) {
      const auto piece = std::span(bytes).subspan(at, std::min(kPiece_bytes, bytes.size() - at));
      if (auto taken = sink(piece); !taken) return taken;
    }
    return {};
  }
  runlog::Result<void> remove(const std::string& name) override { return inner_->remove(name); }
  [[nodiscard]] std::string url() const override { return "test://bucket/prefix"; }

 private:
  static constexpr std::size_t kPiece_bytes = 1460;
  static runlog::Error not_found(const std::string& name) {
    return {runlog::Errc::not_found, 0, name + ": no such object"};
  }
  std::filesystem::path directory_;
  std::unique_ptr<runlog::ObjectStore> inner_;
};

}  // namespace test
