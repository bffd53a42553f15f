#include "store/store_doctor.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/sha256.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"
#include "platform/random.hpp"
#include "store/cloud/store_kind.hpp"

namespace runlog {
namespace {

using Verdict = StoreCheck::Verdict;
using Put = PutAnswer::Verdict;

constexpr std::string_view kFolder = "_runlog-doctor/";
constexpr std::size_t kProbe_bytes_max = 4096;

// A file to be put, removed at the end.
class Probe {
 public:
  explicit Probe(const std::string& text) {
    std::error_code ignored;
    path_ =
        std::filesystem::temp_directory_path(ignored) / ("runlog-doctor-" + to_hex(make_session()));
    Sha256 digest;
    digest.update(as_bytes(text));
    sha256_ = digest.finish_hex();
    written_ = write_file_durably(path_, text);
  }
  ~Probe() { (void)remove_file(path_); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  [[nodiscard]] const Result<void>& written() const noexcept { return written_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] const std::string& sha256() const noexcept { return sha256_; }

 private:
  std::filesystem::path path_;
  std::string sha256_;
  Result<void> written_;
};

std::string create_remedy(const Error& error) {
  switch (error.code) {
    case Errc::not_found:
      return "create the bucket or container, or correct its name in the URL";
    case Errc::read_only:
      return "grant permission to create objects below the prefix: s3:PutObject, or a role such as "
             "Storage Blob Data Contributor";
    case Errc::no_space:
      return "make room, or raise the quota";
    default:
      return "check host, port and network; then try again";
  }
}

class Examination {
 public:
  Examination(ObjectStore& store, std::vector<StoreCheck>& checks)
      : store_(store),
        checks_(checks),
        name_(std::string(kFolder) + to_hex(make_session())),
        first_("runlog doctor wrote this to " + name_ + "; it may be removed\n"),
        second_("runlog doctor tried to overwrite " + name_ + "\n") {}

  void run() {
    for (const Probe* probe : {&first_, &second_}) {
      if (probe->written()) continue;
      add({"local", Verdict::bad, probe->written().error().message,
           "make room in the temporary directory, or set TMPDIR"});
      return;
    }
    if (!create()) {
      for (const char* check : {"overwrite", "repeat", "head", "read", "remove"}) {
        add({check, Verdict::skipped, "nothing could be created", {}});
      }
      list(false);
      return;
    }
    overwrite();
    repeat();
    head();
    read();
    list(true);
    remove();
  }

 private:
  void add(StoreCheck check) { checks_.push_back(std::move(check)); }

  bool create() {
    const PutAnswer answer = store_.put(name_, first_.path());
    if (answer.verdict == Put::stored) {
      if (answer.error.message.empty()) {
        add({"create", Verdict::good, "created " + name_, {}});
      } else {
        add(check_of_error("create", Verdict::warning, answer.error, "see docs/clouds.md"));
      }
      return true;
    }
    add(check_of_error("create", Verdict::bad, answer.error, create_remedy(answer.error)));
    return false;
  }

  // A second object of that name must be refused, or a mistake could replace what was shipped.
  void overwrite() {
    const PutAnswer answer = store_.put(name_, second_.path());
    if (answer.verdict == Put::reject) {
      add({"overwrite", Verdict::good, "other bytes under the same name are refused", {}});
      return;
    }
    if (answer.verdict == Put::retry) {
      add(check_of_error("overwrite", Verdict::bad, answer.error, "try again"));
      return;
    }
    // It says stored. Either it is, or it refused and we may not look at what is there.
    const auto there = store_.sha256(name_);
    if (there && *there == second_.sha256()) {
      add({"overwrite", Verdict::bad, "the second object replaced the first",
           "this server ignores conditional requests: use a newer one, or keep the bucket to "
           "runlog "
           "alone and switch on versioning"});
    } else if (there) {
      add({"overwrite", Verdict::warning,
           "other bytes under the same name were refused, but it counts as shipped",
           "grant permission to look at objects (HEAD), so that a conflict is seen"});
    } else {
      add({"overwrite", Verdict::warning,
           "the name counts as taken, but what is there may not be looked at",
           "grant permission to read objects, so that a conflict can be told from a repetition"});
    }
  }

  void repeat() {
    const PutAnswer answer = store_.put(name_, first_.path());
    if (answer.verdict == Put::stored) {
      add({"repeat", Verdict::good, "the same object again counts as stored", {}});
    } else {
      add(check_of_error("repeat", Verdict::bad, answer.error,
                         "an upload whose answer was lost could not be settled"));
    }
  }

  void head() {
    const auto info = store_.head(name_);
    if (!info) {
      add(check_of_error("head", Verdict::warning, info.error(),
                         "grant permission to read objects, so that conflicts are seen"));
    } else if (!info->sha256.empty() && info->sha256 != first_.sha256()) {
      add({"head", Verdict::bad, "the store returns another digest than was stored",
           "is there a proxy that changes metadata?"});
    } else {
      add({"head",
           Verdict::good,
           info->sha256.empty() ? "size known; this store keeps no digests"
                                : "size and digest known",
           {}});
    }
  }

  void read() {
    Sha256 digest;
    std::size_t bytes = 0;
    auto got = store_.get(name_, {}, [&](std::span<const std::byte> chunk) -> Result<void> {
      bytes += chunk.size();
      if (bytes > kProbe_bytes_max) {
        return Error{Errc::too_large, 0, "the store sends more than was stored"};
      }
      digest.update(chunk);
      return {};
    });
    if (!got) {
      add(check_of_error("read", Verdict::warning, got.error(),
                         "reading needs permission to get objects; shipping does not"));
    } else if (digest.finish_hex() != first_.sha256()) {
      add({"read", Verdict::bad, "the store returns other bytes than were stored",
           "is there a proxy or cache in between that changes content?"});
    } else {
      add({"read", Verdict::good, "read back what was written", {}});
    }
  }

  void list(bool wants_probe) {
    bool is_there = false;
    const auto listed = store_.list(std::string(kFolder), false, [&](const ObjectInfo& info) {
      is_there = is_there || info.name == name_;
    });
    if (!listed) {
      add(check_of_error(
          "list", Verdict::warning, listed.error(),
          "runlog ls, cat, verify and pull need permission to list; shipping does not"));
    } else if (wants_probe && !is_there) {
      add({"list", Verdict::warning, "the new object is not in the listing",
           "try again; a store whose listings lag shows runs late"});
    } else {
      add({"list", Verdict::good, "objects can be listed", {}});
    }
  }

  void remove() {
    if (auto removed = store_.remove(name_); !removed) {
      add({"remove",
           Verdict::good,
           "not allowed, and not needed: " + name_ + " stays; shipping never removes anything",
           {}});
    } else {
      add({"remove", Verdict::good, "removed " + name_, {}});
    }
  }

  ObjectStore& store_;
  std::vector<StoreCheck>& checks_;
  const std::string name_;
  const Probe first_;
  const Probe second_;
};

}  // namespace

StoreCheck check_of_error(std::string check, Verdict verdict, const Error& error,
                          std::string remedy) {
  StoreCheck out{.check = std::move(check), .verdict = verdict, .detail = error.message};
  const std::size_t cut = out.detail.find("; ");
  if (cut != std::string::npos) {
    out.remedy = out.detail.substr(cut + 2);
    out.detail.resize(cut);
  } else {
    out.remedy = std::move(remedy);
  }
  return out;
}

void examine_store(ObjectStore& store, std::vector<StoreCheck>& checks) {
  Examination(store, checks).run();
}

std::string_view verdict_name(StoreCheck::Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::good:
      return "good";
    case Verdict::warning:
      return "warning";
    case Verdict::bad:
      return "bad";
    case Verdict::skipped:
      return "skipped";
  }
  return "unknown";
}

bool is_fit_for_shipping(const std::vector<StoreCheck>& checks) noexcept {
  return std::none_of(checks.begin(), checks.end(),
                      [](const StoreCheck& check) { return check.verdict == Verdict::bad; });
}

std::vector<StoreCheck> diagnose_store(const std::string& url) {
  const InCall in_call;
  std::vector<StoreCheck> checks;
  auto store = open_store(url);
  if (!store) {
    std::string examples;
    for (const StoreKind& kind : store_kinds()) {
      examples += (examples.empty() ? "" : ", ") + std::string(kind.example);
    }
    checks.push_back(check_of_error("url", Verdict::bad, store.error(),
                                    "write " + examples + " or a directory"));
    return checks;
  }
  checks.push_back({"url", Verdict::good, (*store)->url(), {}});
  std::filesystem::path directory;
  if (!is_remote_store(url)) {
    directory = *directory_of_store(url);
    if (!stat_file(directory)) {
      // Shipping would create it; but who asks may have mistyped it.
      checks.push_back({"directory", Verdict::bad, directory.native() + " does not exist",
                        "create it, mount it, or correct the path"});
      return checks;
    }
  }
  if (is_remote_store(url) && !examine_connection(url, checks)) {
    checks.push_back({"create", Verdict::skipped, "not tried, as is all that would follow", {}});
    return checks;
  }
  examine_store(**store, checks);
  std::error_code ignored;
  if (!directory.empty())
    std::filesystem::remove(directory / kFolder.substr(0, kFolder.size() - 1), ignored);
  return checks;
}

}  // namespace runlog
