// CloudStore: the ObjectStore over HTTP, whatever the dialect. What each answer to a PUT means for
// the data is decided in cloud_store_put.cpp, and nowhere else; cloud_store_part.cpp is the way to
// servers that write in place.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "store/cloud/cloud_caller.hpp"
#include "store/cloud/list_cost.hpp"
#include "store/cloud/put_content.hpp"
#include "store/object_store.hpp"

namespace runlog {

class CloudStore final : public ObjectStore {
 public:
  /// Whether it is known that the server heeds the condition that nothing is there. `unproven`: as
  /// the dialect has it, else it is tried with the first object.
  enum class Conditions : std::uint8_t { unproven, proven };

  /// Errors: invalid_argument, unsupported. Reads settings files, touches no network.
  static Result<std::unique_ptr<CloudStore>> open(std::string_view url,
                                                  CloudCaller::Settings settings = {},
                                                  Conditions conditions = Conditions::unproven,
                                                  const ListLimits& list_limits = {});

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
  PutAnswer create(const std::string& name, const PutContent& content);
  PutAnswer create_unproven(const std::string& name, const PutContent& content);
  PutAnswer prove_conditions(const std::string& name, const PutContent& content, PutAnswer out);
  PutAnswer look_then_put(const std::string& name, const PutContent& content, bool creates);
  PutAnswer put_in_place(const std::string& name, const PutContent& content, bool creates);
  PutAnswer settle(const std::string& name, const PutContent& content, CloudAnswer answer);
  PutAnswer confirm(const std::string& name, const PutContent& content, CloudAnswer there);
  PutAnswer compare(const std::string& name, const PutContent& content, bool was_refused);
  PutAnswer compare_bytes(const std::string& name, const PutContent& content);
  PutAnswer conflict(const std::string& name, const PutContent& content) const;
  CloudAnswer send_making_parents(const CloudCall& call);
  CloudAnswer make_parents(const std::string& name);
  PutAnswer note(std::string words, bool& was_told);

  // cloud_store_part.cpp
  PutAnswer put_part_then_move(const std::string& name, const PutContent& content, bool replaces);
  bool has_arrived(const std::string& part, const PutContent& content);
  void drop_part(const std::string& part);
  [[nodiscard]] bool may_be_cut(const HttpResponse& head, const PutContent& content) const;
  Result<bool> is_cut(const std::string& name, const PutContent& content);
  PutAnswer judge_shorter(const std::string& name, const PutContent& content);

  // cloud_store.cpp
  CloudAnswer head_once(const std::string& name);
  CloudAnswer send_patiently(const CloudCall& call);
  CloudAnswer send_patiently(CloudCall call, std::uint64_t answer_bytes_max,
                             const std::function<std::chrono::milliseconds()>& time_left);
  Result<std::string> sha256_within(const std::string& name, std::uint64_t bytes_max);
  bool wait(std::chrono::milliseconds time);
  Result<ListPage> list_once(const std::string& prefix, bool whole_tree, const std::string& marker,
                             ListCost& cost);
  Result<void> list_pages(const std::string& prefix, bool whole_tree, const Visit& visit,
                          ListCost& cost);
  Result<void> list_folder(const std::string& prefix, bool whole_tree, const Visit& visit,
                           int depth, ListCost& cost);

  const StoreUrl url_;
  ListLimits list_limits_ = {};
  HttpClient client_;                 // before dialect_, whose credentials use it
  std::unique_ptr<Dialect> dialect_;  // never null after open
  std::unique_ptr<CloudCaller> caller_;
  PutDigests digests_;
  std::filesystem::path expected_;  // the next put's, begun when this one's digests are there
  bool has_conditions_ = true;      // false once the server has said, or shown, that it has none
  bool conditions_are_proven_ = false;
  bool has_moves_ = true;  // false once a MOVE was refused
  int failed_moves_ = 0;   // in a row, with a 5xx of a server that takes everything else
  std::string lost_part_;  // the part that may have arrived although nobody said so
  bool told_of_heads_ = false;
  bool told_of_conditions_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;  // with mutex_
  bool is_interrupted_ = false;      // guarded by mutex_
};

}  // namespace runlog
