// The way to servers that may write in place: a PUT that is cut leaves its beginning under the name
// it was for. So the bytes arrive under a name of their own, a part, and a MOVE that overwrites
// nothing gives them the object's. Servers without MOVE are written to directly; there, and from
// older versions, the beginning of our own bytes is taken for what was cut, and put again: whatever
// it is, nothing of it is lost.

#include <algorithm>
#include <charconv>
#include <vector>

#include "platform/file_system.hpp"
#include "store/cloud/cloud_store.hpp"
#include "store/cloud/put_answers.hpp"

namespace runlog {
namespace {

constexpr int kFailed_moves_max = 3;

// Not 503: that is a server that is busy, and says so.
bool is_failure(const CloudAnswer& answer) {
  const int status = answer.response.status;
  return status == 500 || status == 502 || status == 504;
}

}  // namespace

PutAnswer CloudStore::put_part_then_move(const std::string& name, const PutContent& content,
                                         bool replaces) {
  const std::string part = part_name(name, content.sha256_hex);
  if (!has_arrived(part, content)) {
    CloudAnswer sent = send_making_parents(dialect_->put(part, content, false));
    // Perhaps it minds the name.
    if (is_forbidden(sent)) {
      PutAnswer out = put_in_place(name, content, !replaces);
      has_moves_ = out.verdict != PutAnswer::Verdict::stored;
      return out;
    }
    if (sent.meaning() != Meaning::done) {
      const bool is_lost = sent.meaning() == Meaning::again;
      lost_part_ = is_lost ? part : "";
      return retry_of(std::move(sent));
    }
  }
  CloudAnswer moved = caller_->send(dialect_->move(part, name, replaces));
  bool creates = !replaces;
  if (!is_failure(moved)) failed_moves_ = 0;
  switch (moved.meaning()) {
    case Meaning::exists: {
      PutAnswer out = compare(name, content, false);
      if (out.verdict != PutAnswer::Verdict::retry) drop_part(part);
      return out;
    }
    case Meaning::done:
    case Meaning::absent: {  // another recovery of the same journal may have moved it
      CloudAnswer there = head_once(name);
      creates = there.meaning() == Meaning::absent;
      const bool is_cut_there =
          there.meaning() == Meaning::done && may_be_cut(there.response, content);
      if (!creates && !is_cut_there) return confirm(name, content, std::move(there));
      break;
    }
    case Meaning::unsupported:
      break;
    default:
      // A proxy in between may answer so to every MOVE.
      if (is_failure(moved) && ++failed_moves_ >= kFailed_moves_max) break;
      lost_part_ = part;
      return retry_of(std::move(moved));
  }
  has_moves_ = false;
  drop_part(part);
  return put_in_place(name, content, creates);
}

// Whether a part whose PUT was not answered is whole nevertheless: it need not be sent again.
bool CloudStore::has_arrived(const std::string& part, const PutContent& content) {
  if (std::exchange(lost_part_, {}) != part) return false;
  const CloudAnswer there = head_once(part);
  if (there.meaning() != Meaning::done ||
      there.response.header("content-length") != std::to_string(content.bytes)) {
    return false;
  }
  const auto digest = sha256_within(part, content.bytes);
  return digest && *digest == content.sha256_hex;
}

// Where DELETE is not allowed, an empty file stays instead of one of gigabytes.
void CloudStore::drop_part(const std::string& part) {
  const CloudAnswer gone = caller_->send({.method = "DELETE", .name = part});
  if (gone.meaning() != Meaning::refused && gone.meaning() != Meaning::unsupported) return;
  (void)caller_->send({.method = "PUT", .name = part});
}

bool CloudStore::may_be_cut(const HttpResponse& head, const PutContent& content) const {
  if (!dialect_->traits().moves) return false;
  const std::string_view text = head.header("content-length");
  std::uint64_t length = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
  return parsed.ec == std::errc() && length < content.bytes;
}

// Whether the object is the beginning of the file.
Result<bool> CloudStore::is_cut(const std::string& name, const PutContent& content) {
  auto file = OpenFile::open(content.file, Access::read);
  if (!file) return std::move(file).error();
  std::uint64_t at = 0;
  bool is_same = true;
  std::vector<std::byte> ours;
  auto got = get(name, {}, [&](std::span<const std::byte> theirs) -> Result<void> {
    ours.resize(theirs.size());
    for (std::size_t filled = 0; filled < ours.size();) {
      auto read = read_at(file->fd(), at + filled, std::span(ours).subspan(filled), content.file);
      if (!read) return std::move(read).error();
      if (*read == 0) ours.resize(filled);
      filled += *read;
    }
    is_same = std::equal(theirs.begin(), theirs.end(), ours.begin(), ours.end());
    if (!is_same) return Error{};
    at += theirs.size();
    return {};
  });
  if (!is_same) return false;
  if (!got) return std::move(got).error();
  if (at >= content.bytes) {
    return Error{Errc::unavailable, 0, url_.shown + ": " + name + " is being written"};
  }
  return true;
}

// For an object that was found shorter after it was written, or that appeared meanwhile.
PutAnswer CloudStore::judge_shorter(const std::string& name, const PutContent& content) {
  const auto cut = is_cut(name, content);
  if (cut && !*cut) return conflict(name, content);
  PutAnswer out;
  out.error = cut ? Error{Errc::unavailable, 0,
                          url_.shown + ": the server has only the beginning of " + name +
                              "; it is put again"}
                  : cut.error();
  return out;
}

}  // namespace runlog
