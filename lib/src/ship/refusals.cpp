#include "ship/refusals.hpp"

#include <algorithm>

#include "store/backoff.hpp"

namespace runlog {
namespace {

/// A store that is busy or silent is not to be pressed: the object that failed, and another one
/// that tells whether it was the object.
constexpr int kBusy_in_a_row_max = 2;
/// "You may not" comes at once, and rules may be for a whole folder: so many of one journal, and so
/// many of all journals of the store.
constexpr int kClosed_in_pass_max = 4;
constexpr int kClosed_in_a_row_max = 32;
/// Far more than a rule or a limit hits by accident; beyond it the longest failed are forgotten,
/// which means asked for again.
constexpr std::size_t kObjects_max = 4096;

}  // namespace

const Refusals::Object* Refusals::find(const std::filesystem::path& file) const {
  const auto known = objects_.find(file);
  return known == objects_.end() ? nullptr : &known->second;
}

std::vector<std::filesystem::path> Refusals::files() const {
  std::vector<std::filesystem::path> files;
  files.reserve(objects_.size());
  for (const auto& [file, object] : objects_) files.push_back(file);
  return files;
}

std::pair<int, std::uint64_t> Refusals::turn(const std::filesystem::path& file) const {
  const Object* const known = find(file);
  if (known == nullptr) return {0, 0};
  return {known->is_set_aside ? 2 : 1, known->asked};
}

void Refusals::begin_pass() {
  has_stored_ = false;
  closed_in_pass_ = 0;
  asked_for_ = {};
  for (auto& [file, object] : objects_) object.failed_in_pass = false;
  // It has been left alone for as long as it was to be.
  if (std::exchange(is_ill_, false)) busy_in_a_row_ = closed_in_a_row_ = 0;
}

void Refusals::stored(const std::filesystem::path& file) {
  objects_.erase(file);
  has_stored_ = true;
  busy_in_a_row_ = closed_in_a_row_ = 0;
}

void Refusals::failed(const std::filesystem::path& file, const PutAnswer& answer) {
  if (objects_.size() >= kObjects_max && !objects_.contains(file)) {
    objects_.erase(std::min_element(
        objects_.begin(), objects_.end(),
        [](const auto& a, const auto& b) { return a.second.asked < b.second.asked; }));
  }
  Object& object = objects_[file];
  object.answer = answer;
  ++object.times;
  object.asked = ++asked_;
  object.failed_in_pass = true;
  if (answer.concerns_object_only || answer.verdict == PutAnswer::Verdict::reject) {
    object.is_set_aside = true;
    return;
  }
  ++(answer.needs_owner ? closed_in_a_row_ : busy_in_a_row_);
  closed_in_pass_ += answer.needs_owner ? 1 : 0;
  asked_for_ = std::max(asked_for_, answer.not_before);
  // Once something has gone through, "you may not" is about the object.
  is_ill_ = is_ill_ || answer.not_before.count() > 0 || busy_in_a_row_ >= kBusy_in_a_row_max ||
            (closed_in_a_row_ >= kClosed_in_a_row_max && !has_stored_);
}

bool Refusals::is_pass_over() const noexcept {
  return is_ill_ || (closed_in_pass_ >= kClosed_in_pass_max && !has_stored_);
}

Refusals::Suspects Refusals::suspects_in_pass() const {
  Suspects suspects = Suspects::none;
  for (const auto& [file, object] : objects_) {
    if (!object.failed_in_pass || object.is_set_aside) continue;
    if (object.answer.needs_owner) return Suspects::closed;
    suspects = Suspects::busy;
  }
  return suspects;
}

void Refusals::end_pass(Clock::time_point now) {
  for (auto& [file, object] : objects_) {
    if (!object.failed_in_pass) continue;
    object.is_set_aside = object.is_set_aside || has_stored_;
    if (object.is_set_aside) object.due = now + refusal_backoff(object.times, object.answer);
  }
}

bool Refusals::has_suspects() const {
  return std::any_of(objects_.begin(), objects_.end(),
                     [](const auto& one) { return !one.second.is_set_aside; });
}

void Refusals::blame_suspects(Clock::time_point now) {
  for (auto& [file, object] : objects_) {
    if (std::exchange(object.is_set_aside, true)) continue;
    object.due = now + refusal_backoff(object.times, object.answer);
  }
}

}  // namespace runlog
