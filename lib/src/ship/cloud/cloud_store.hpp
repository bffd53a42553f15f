// CloudStore: the ObjectStore over HTTP, whatever the dialect. What each answer to a PUT means for
// the data is decided in cloud_store_put.cpp, and nowhere else.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "ship/cloud/cloud_caller.hpp"
#include "ship/cloud/put_content.hpp"
#include "ship/object_store.hpp"

namespace runlog {

class CloudStore final : public ObjectStore {
 public:
  /// Errors: invalid_argument, unsupported. Reads settings files, touches no network.
  static Result<std::unique_ptr<CloudStore>> open(std::string_view url,
                                                  CloudCaller::Settings settings = {});

  PutAnswer put(const std::string& name, const std::filesystem::path& file) override;
  void expect(const std::filesystem::path& file) override { expected_ = file; }
  Result<std::string> sha256(const std::string& name) override;
  Result<ObjectInfo> head(const std::string& name) override;
  Result<void> list(const std::string& prefix, bool whole_tree, const Visit& visit) override;
  Result<void> get(const std::string& name, ByteRange range, const Sink& sink) override;
  Result<void> remove(const std::string& name) override;
  [[nodiscard]] std::string url() const override { return url_.shown; }
  void interrupt() noexcept override;

 private:
  explicit CloudStore(StoreUrl url) : url_(std::move(url)) {}

  // cloud_store_put.cpp
  PutAnswer try_put(const std::string& name, const std::filesystem::path& file);
  PutAnswer create(const std::string& name, const PutContent& content);
  PutAnswer look_then_put(const std::string& name, const PutContent& content, bool creates);
  PutAnswer settle(const std::string& name, const PutContent& content, CloudAnswer answer);
  PutAnswer confirm(const std::string& name, const PutContent& content);
  PutAnswer compare(const std::string& name, const PutContent& content, bool was_refused);
  PutAnswer compare_bytes(const std::string& name, const PutContent& content);
  CloudAnswer make_parents(const std::string& name);
  PutAnswer note(std::string words, bool& was_told);

  // cloud_store.cpp
  CloudAnswer head_once(const std::string& name);
  CloudAnswer send_patiently(const CloudCall& call, std::uint64_t answer_bytes_max);
  bool wait(std::chrono::milliseconds time);
  Result<void> list_pages(const std::string& prefix, bool whole_tree, const Visit& visit);
  Result<void> list_folder(const std::string& prefix, bool whole_tree, const Visit& visit,
                           int depth);

  const StoreUrl url_;
  HttpClient client_;                 // before dialect_, whose credentials use it
  std::unique_ptr<Dialect> dialect_;  // never null after open
  std::unique_ptr<CloudCaller> caller_;
  PutDigests digests_;
  std::filesystem::path expected_;  // the next put's, begun when this one's digests are there
  // Objects the server does not take, and files whose name others have: sending gigabytes each
  // minute to hear so again costs money.
  std::map<std::pair<std::string, std::filesystem::path>,
           std::pair<std::chrono::steady_clock::time_point, PutAnswer>>
      refused_objects_;
  int slow_retries_ = 0;        // puts in a row that only the owner could mend
  bool has_conditions_ = true;  // false once the server has said that it has none
  bool told_of_heads_ = false;
  bool told_of_conditions_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;  // with mutex_
  bool is_interrupted_ = false;      // guarded by mutex_
};

}  // namespace runlog
