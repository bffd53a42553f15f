// Dialect: what one kind of store wants to hear and how it answers. Requests are built and answers
// read here; when to ask, and what to make of an answer, is CloudStore's.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/result.hpp"
#include "store/cloud/store_url.hpp"
#include "store/http/encoding.hpp"
#include "store/http/http_client.hpp"
#include "store/http/peer_limits.hpp"
#include "store/object_store.hpp"

namespace runlog {

/// A file that is to become an object, and the digests of its bytes.
struct PutContent {
  std::filesystem::path file = {};
  std::uint64_t bytes = 0;
  std::string sha256_hex = {};
  std::string md5_hex = {};
  std::string md5_base64 = {};
  std::uint32_t crc32c = 0;
};

/// A request in a dialect's terms, not yet addressed and signed.
struct CloudCall {
  std::string method = "GET";
  std::string name = {};   ///< below the store's prefix; empty: the prefix itself
  bool is_bucket = false;  ///< asks the bucket, not an object
  Query query = {};
  HttpHeaders headers = {};  ///< names in lower case
  const PutContent* content = nullptr;
  std::string body = {};
  bool creates = false;                        ///< a PUT with the condition that nothing is there
  std::chrono::milliseconds whole_timeout{0};  ///< see HttpRequest
};

/// What an answer means.
enum class Meaning : std::uint8_t {
  done,
  absent,          ///< no such object
  exists,          ///< a conditional PUT found the name taken
  again,           ///< not now, or unknown: the same later
  no_condition,    ///< this server does not know conditional PUTs
  skewed,          ///< our clock is wrong
  stale,           ///< the credentials are expired or unknown
  moved,           ///< another region has it
  no_parent,       ///< WebDAV: a collection above it is missing
  unsupported,     ///< the server has no such operation
  refused,         ///< only the owner can mend it
  refused_object,  ///< this object only: too large, say
};

struct Reading {
  Meaning meaning = Meaning::again;
  std::string code = {};    ///< the store's word for it, if it has one
  std::string text = {};    ///< its sentence, cut and cleaned
  std::string remedy = {};  ///< ours
  /// With `skewed`: the store's time, where its words tell it.
  std::optional<WallTime> store_time = {};
};

struct ListPage {
  std::vector<ObjectInfo> entries = {};  ///< names relative to the store's prefix, sorted
  std::string next = {};                 ///< for the next page; empty: that was all
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  [[nodiscard]] virtual CloudCall put(const std::string& name, const PutContent& content,
                                      bool creates) const = 0;
  /// Gives the object `source` the name `target`; only where traits().moves. `replaces`: also where
  /// something is there.
  [[nodiscard]] virtual CloudCall move(const std::string& source, const std::string& target,
                                       bool replaces) const {
    (void)source, (void)target, (void)replaces;
    return {};
  }
  /// `marker`: of the page before; empty at the first.
  [[nodiscard]] virtual CloudCall list(const std::string& prefix, bool whole_tree,
                                       const std::string& marker) const = 0;
  [[nodiscard]] virtual Result<ListPage> read_list(const HttpResponse& answer,
                                                   const std::string& prefix) const = 0;

  /// Addresses and signs. May ask for credentials, and block; `refused`: the last ones were.
  /// Errors: as of CredentialSource::get.
  [[nodiscard]] virtual Result<HttpRequest> prepare(const CloudCall& call, WallTime now,
                                                    bool refused) = 0;
  [[nodiscard]] virtual Reading read(const CloudCall& call, const HttpResponse& answer) const = 0;
  /// For the doctor: asks for credentials, and says where they came from: "from environment, valid
  /// for 50 minutes more". May block. Errors: as of CredentialSource::get.
  [[nodiscard]] virtual Result<std::string> find_credentials() = 0;

  /// SHA-256 in an object's metadata; empty when there is none.
  [[nodiscard]] virtual std::string digest_of(const HttpResponse& head) const = 0;
  /// Whether the answer to a successful PUT proves that the store has these bytes. `unsure`: look.
  enum class Proof : std::uint8_t { yes, unsure, other_bytes };
  [[nodiscard]] virtual Proof proof_of(const PutContent& content,
                                       const HttpResponse& answer) const = 0;
  /// After `moved`: from now on talk to where the answer says; false when it does not say.
  virtual bool follow(const HttpResponse& answer) = 0;

  struct Traits {
    std::uint64_t put_bytes_max = UINT64_MAX;
    bool creates_atomically = true;  ///< false: look first, the condition may be ignored
    /// It is known beforehand that the condition is heeded: the service's own endpoint.
    bool heeds_conditions = false;
    bool has_folders = false;  ///< lists one level at a time; parents must be made
    /// The server may write in place, so that a PUT that is cut leaves its beginning; and it may be
    /// able to MOVE.
    bool moves = false;
    std::uint64_t list_bytes_max = kList_page_bytes_max;
  };
  [[nodiscard]] virtual Traits traits() const = 0;
};

// What they share.

/// By status alone, as all of HTTP has it; 409, 412 and 501 are as S3 means them.
[[nodiscard]] Meaning meaning_of_status(const CloudCall& call, int status);
/// visible() of the first line, of at most 200 bytes.
[[nodiscard]] std::string clean_text(std::string_view text);
/// `name` below `prefix`, as the store's key; percent-encoded with its slashes.
[[nodiscard]] std::string encoded_key(const std::string& prefix, const std::string& name);
/// The name under which an object's bytes arrive before they get their own: in the same folder,
/// hidden from query engines by its '_'. It has the digest, so that two writers of other bytes do
/// not meet there.
[[nodiscard]] std::string part_name(const std::string& name, const std::string& sha256_hex);
[[nodiscard]] bool is_part_name(std::string_view name) noexcept;
/// Takes the store's prefix off; nothing when it does not begin with it.
[[nodiscard]] std::optional<std::string> relative_name(const std::string& prefix,
                                                       std::string_view key);
/// Sets the body, or its digest of nothing. Returns the payload's SHA-256.
std::string set_body(const CloudCall& call, HttpRequest& request);
/// Where a redirect leads, for messages: without query and user. Empty when it does not say.
[[nodiscard]] std::string redirect_target(const HttpResponse& answer);
/// "from <from>", and how long they are valid, for find_credentials().
[[nodiscard]] std::string credentials_text(
    const std::string& from, const std::optional<WallClock::time_point>& expires = {});
/// Why credentials may not go to `url` in the clear.
[[nodiscard]] Error not_in_the_clear(const StoreUrl& url, std::string_view what);

}  // namespace runlog
