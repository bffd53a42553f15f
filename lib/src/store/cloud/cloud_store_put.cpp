// The verdicts: what the answer to a PUT means. Exactly once rests on three things: a name is used
// for one content only, a PUT creates and never overwrites, and whatever is unknown is asked again.
#include "store/cloud/cloud_store.hpp"

#include <algorithm>

#include "store/cloud/put_answers.hpp"

namespace runlog {
namespace {

/// Of an object that is put twice to see whether the second time is refused. A run's first one,
/// meta.json, is a few hundred.
constexpr std::uint64_t kProof_bytes_max = 64u << 10;

// What it answers to a HEAD is about permission, credentials or the like: a HEAD has no words for
// it, the PUT that follows does.
bool is_refused(const CloudAnswer& answer) {
  const int status = answer.response.status;
  return status >= 300 && status < 500 && answer.meaning() != Meaning::again;
}

}  // namespace

PutAnswer retry_of(CloudAnswer answer) {
  PutAnswer out;
  out.error = std::move(answer.error);
  out.not_before = answer.not_before;
  out.needs_owner = answer.needs_owner;
  out.concerns_object_only = answer.meaning() == Meaning::refused_object;
  return out;
}

bool is_forbidden(const CloudAnswer& answer) {
  return answer.response.status == 403 || answer.response.status == 405;
}

PutAnswer CloudStore::conflict(const std::string& name, const PutContent& content) const {
  PutAnswer out;
  out.verdict = PutAnswer::Verdict::reject;
  out.error =
      Error{Errc::already_exists, 0,
            url_.shown + ": " + name + " exists with other bytes than " + content.file.native() +
                "; nothing was overwritten. Move one of them away, then run "
                "runlog-recover"};
  return out;
}

PutAnswer CloudStore::note(std::string words, bool& was_told) {
  PutAnswer out;
  out.verdict = PutAnswer::Verdict::stored;
  if (!std::exchange(was_told, true)) {
    out.error = Error{Errc::unsupported, 0, url_.shown + ": " + std::move(words)};
  }
  return out;
}

PutAnswer CloudStore::put(const std::string& name, const std::filesystem::path& file) {
  auto content = digests_.of(file, url_.sends_crc32c);
  if (!content) {
    PutAnswer out;
    out.error = std::move(content).error();
    out.concerns_object_only = !digests_.is_stopped();
    return out;
  }
  if (!expected_.empty()) digests_.begin(std::exchange(expected_, {}), url_.sends_crc32c);
  if (content->bytes > dialect_->traits().put_bytes_max) {
    PutAnswer out;
    out.concerns_object_only = true;
    out.error = Error{Errc::too_large, 0,
                      file.native() + " is larger than the " +
                          std::to_string(dialect_->traits().put_bytes_max >> 20) + " MiB that " +
                          url_.shown + " takes in one piece; it stays on disk, copy it by hand"};
    return out;
  }
  if (!dialect_->traits().creates_atomically) return look_then_put(name, *content, true);
  if (!has_conditions_) return look_then_put(name, *content, false);
  if (!conditions_are_proven_) return create_unproven(name, *content);
  return create(name, *content);
}

// A server may say nothing and overwrite. Until it has refused a name that is taken, each object is
// looked for before it is put; a small one is then put once more, which must be refused.
PutAnswer CloudStore::create_unproven(const std::string& name, const PutContent& content) {
  CloudAnswer there = head_once(name);
  PutAnswer out;
  if (there.meaning() == Meaning::done) {
    out = compare(name, content, false);
  } else if (there.meaning() == Meaning::absent || is_refused(there)) {
    out = create(name, content);
  } else {
    return retry_of(std::move(there));
  }
  const bool is_open = has_conditions_ && !conditions_are_proven_;
  if (!is_open || out.verdict != PutAnswer::Verdict::stored || content.bytes > kProof_bytes_max) {
    return out;
  }
  return prove_conditions(name, content, std::move(out));
}

// These bytes are there under this name, so whatever the server does, nothing is lost.
PutAnswer CloudStore::prove_conditions(const std::string& name, const PutContent& content,
                                       PutAnswer out) {
  const CloudAnswer answer = caller_->send(dialect_->put(name, content, true));
  conditions_are_proven_ = answer.meaning() == Meaning::exists;
  has_conditions_ = answer.meaning() != Meaning::done && answer.meaning() != Meaning::no_condition;
  if (has_conditions_) return out;  // no clear answer: the next object tells
  return note(
      "this server overwrites objects although the PUT forbids it; each object is looked for "
      "before "
      "it is written, which is not proof against two writers at once: use a newer server, or "
      "switch "
      "on versioning",
      told_of_conditions_);
}

PutAnswer CloudStore::create(const std::string& name, const PutContent& content) {
  CloudAnswer answer = caller_->send(dialect_->put(name, content, true));
  if (answer.meaning() != Meaning::no_condition) {
    if (answer.meaning() == Meaning::exists) conditions_are_proven_ = true;
    return settle(name, content, std::move(answer));
  }
  has_conditions_ = false;
  PutAnswer out = look_then_put(name, content, false);
  if (out.verdict == PutAnswer::Verdict::stored && out.error.message.empty()) {
    return note(
        "this server has no conditional PUT; each object is looked for before it is written",
        told_of_conditions_);
  }
  return out;
}

// For servers that cannot create under a condition, or ignore it. Names are used by one journal
// only, so two writers of one name are two recoveries of it, and those write the same bytes.
PutAnswer CloudStore::look_then_put(const std::string& name, const PutContent& content,
                                    bool creates) {
  CloudAnswer there = head_once(name);
  bool replaces = false;
  if (there.meaning() == Meaning::done) {
    if (!may_be_cut(there.response, content)) return compare(name, content, false);
    const auto cut = is_cut(name, content);
    if (!cut) return {.error = cut.error()};
    if (!*cut) return conflict(name, content);
    replaces = true;
  }
  const bool may_try =
      replaces || there.meaning() == Meaning::absent || (creates && is_forbidden(there));
  if (!may_try) {
    if (is_forbidden(there)) {
      there.error.message +=
          "; this server has no conditional PUT, so runlog must be allowed to "
          "look before it writes";
    }
    return retry_of(std::move(there));
  }
  if (dialect_->traits().moves && has_moves_) return put_part_then_move(name, content, replaces);
  return put_in_place(name, content, creates && !replaces);
}

PutAnswer CloudStore::put_in_place(const std::string& name, const PutContent& content,
                                   bool creates) {
  CloudAnswer answer = send_making_parents(dialect_->put(name, content, creates));
  if (answer.meaning() == Meaning::no_condition && creates) {
    answer = caller_->send(dialect_->put(name, content, false));
  }
  return settle(name, content, std::move(answer));
}

PutAnswer CloudStore::settle(const std::string& name, const PutContent& content,
                             CloudAnswer answer) {
  if (answer.meaning() == Meaning::exists) {
    return compare(name, content, answer.response.status == 403);
  }
  if (answer.meaning() != Meaning::done) {
    return retry_of(std::move(answer));
  }
  switch (dialect_->proof_of(content, answer.response)) {
    case Dialect::Proof::yes:
      break;
    case Dialect::Proof::unsure:
      return confirm(name, content, head_once(name));
    case Dialect::Proof::other_bytes:
      return compare_bytes(name, content);
  }
  return {.verdict = PutAnswer::Verdict::stored};
}

// The PUT was answered with success by somebody who may be no store at all.
PutAnswer CloudStore::confirm(const std::string& name, const PutContent& content,
                              CloudAnswer there) {
  if (is_forbidden(there)) {
    return note("objects may be written but not looked at; that they arrive cannot be checked",
                told_of_heads_);
  }
  if (there.meaning() == Meaning::absent) {
    there.error.message =
        url_.shown + ": the PUT of " + name +
        " was answered with success, but it is not there; is the URL that of a store?";
    there.needs_owner = true;
  }
  if (there.meaning() != Meaning::done) return retry_of(std::move(there));
  const std::string digest = dialect_->digest_of(there.response);
  if (!digest.empty()) return compare(name, content, false);
  const std::string_view length = there.response.header("content-length");
  if (length == std::to_string(content.bytes)) return {.verdict = PutAnswer::Verdict::stored};
  if (may_be_cut(there.response, content)) return judge_shorter(name, content);
  return compare_bytes(name, content);
}

// The name is taken: by our own earlier attempt whose answer was lost, by another recovery of the
// same journal, or by somebody else's bytes.
PutAnswer CloudStore::compare(const std::string& name, const PutContent& content,
                              bool was_refused) {
  // Patiently: a server that takes two requests a second would take the PUT and refuse this one,
  // again and again.
  CloudAnswer there = send_patiently({.method = "HEAD", .name = name});
  if (is_forbidden(there)) {
    return note(
        "it has objects of our names, but these credentials may not look at them; they are taken "
        "to be ours, as they can hardly be anything else",
        told_of_heads_);
  }
  if (there.meaning() == Meaning::absent && was_refused) {
    // A 403 on an object that is not there was about permissions after all.
    there.needs_owner = true;
  }
  if (there.meaning() != Meaning::done) return retry_of(std::move(there));
  const std::string_view length = there.response.header("content-length");
  if (!length.empty() && length != std::to_string(content.bytes)) {
    if (may_be_cut(there.response, content)) return judge_shorter(name, content);
    return conflict(name, content);
  }
  const std::string digest = dialect_->digest_of(there.response);
  if (digest.empty()) return compare_bytes(name, content);  // copied there by another tool
  if (digest == content.sha256_hex) return {.verdict = PutAnswer::Verdict::stored};
  return conflict(name, content);
}

PutAnswer CloudStore::compare_bytes(const std::string& name, const PutContent& content) {
  auto theirs = sha256_within(name, content.bytes);
  if (!theirs && theirs.error().code == Errc::too_large) return conflict(name, content);
  if (!theirs) {
    PutAnswer out;
    out.error = std::move(theirs).error();
    return out;
  }
  if (*theirs == content.sha256_hex) return {.verdict = PutAnswer::Verdict::stored};
  return conflict(name, content);
}

// The folders above are made when one is missing.
CloudAnswer CloudStore::send_making_parents(const CloudCall& call) {
  CloudAnswer answer = caller_->send(call);
  if (answer.meaning() != Meaning::no_parent) return answer;
  CloudAnswer made = make_parents(call.name);
  if (made.meaning() != Meaning::done) return made;
  answer = caller_->send(call);
  if (answer.meaning() == Meaning::no_parent) answer.needs_owner = true;
  return answer;
}

CloudAnswer CloudStore::make_parents(const std::string& name) {
  CloudAnswer made;
  for (std::size_t end = 0;; ++end) {
    const std::string folder = name.substr(0, end);
    if (!folder.empty() || !url_.prefix.empty()) {
      made = caller_->send({.method = "MKCOL", .name = folder});
      // 405: it is there already.
      if (made.response.status == 405) made.reading.meaning = Meaning::done;
      if (made.meaning() == Meaning::no_parent) made.needs_owner = true;
      if (made.meaning() != Meaning::done) return made;
    }
    end = name.find('/', end);
    if (end == std::string::npos) break;
  }
  made.reading.meaning = Meaning::done;
  return made;
}

}  // namespace runlog
