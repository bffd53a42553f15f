#include "runlog/reader.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "faces/journal_list.hpp"

namespace runlog {
namespace {

// Void: logged before a rewind of the same run to this step or an earlier one.
class Rewinds {
 public:
  void add(const std::string& run, std::int64_t time_ns, std::int64_t step) {
    by_run_[run].push_back({time_ns, step});
  }
  void finish() {
    for (auto& [run, points] : by_run_) {
      std::sort(points.begin(), points.end());
      // From the back: the lowest step that this rewind or a later one went back to.
      for (std::size_t i = points.size() - 1; i > 0; --i) {
        points[i - 1].second = std::min(points[i - 1].second, points[i].second);
      }
    }
  }
  [[nodiscard]] bool voids(const std::string& run, const Record& record) const {
    if (!record.step || record.kind == Kind::rewind) return false;
    const auto points = by_run_.find(run);
    if (points == by_run_.end()) return false;
    const auto later = std::upper_bound(points->second.begin(), points->second.end(),
                                        std::pair(record.time_ns, INT64_MAX));
    return later != points->second.end() && *record.step >= later->second;
  }

 private:
  std::map<std::string, std::vector<std::pair<std::int64_t, std::int64_t>>> by_run_;
};

}  // namespace

struct Reader::State {
  struct Stream {
    std::unique_ptr<JournalSource> source;
    std::size_t journal;           // index into journals
    const Record* head = nullptr;  // nullptr: not looked at yet, its time is bound_ns or later
    std::int64_t bound_ns = 0;
    bool is_over = false;

    [[nodiscard]] std::int64_t time_ns() const { return head ? head->time_ns : bound_ns; }
  };
  ReadOptions options;
  std::vector<JournalInfo> journals;
  std::vector<Stream> streams;
  std::vector<Damage> damage;
  std::vector<Error> failures;
  Rewinds rewinds;
  Stream* last = nullptr;  // handed out by the previous next(): to be popped first

  // A heap of streams by the time of their next record. A stream that has not been looked at goes
  // first among equals, because its record may have to.
  static bool is_later(const Stream* a, const Stream* b) {
    if (a->head == nullptr || b->head == nullptr) {
      return std::pair(a->time_ns(), a->head != nullptr) >
             std::pair(b->time_ns(), b->head != nullptr);
    }
    return std::tie(a->head->time_ns, a->journal, a->head->lane, a->head->seq) >
           std::tie(b->head->time_ns, b->journal, b->head->lane, b->head->seq);
  }
  std::vector<Stream*> heap;

  // A journal takes memory only from when its time comes: one may open a root of ten thousand.
  void push_unread(Stream& stream) {
    stream.bound_ns = stream.source->time_bound();
    heap.push_back(&stream);
    std::push_heap(heap.begin(), heap.end(), &is_later);
  }

  void push(Stream& stream) {
    stream.head = stream.source->peek();
    if (stream.head == nullptr) {
      for (Damage& one : stream.source->damage()) {
        journals[stream.journal].records_lost += one.records_lost;
        damage.push_back(std::move(one));
      }
      for (const Error& one : stream.source->failures()) failures.push_back(one);
      stream.source.reset();  // its maps and buffers
      return;
    }
    heap.push_back(&stream);
    std::push_heap(heap.begin(), heap.end(), &is_later);
  }
};

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Result<Reader> Reader::open(const std::filesystem::path& path, ReadOptions options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  if (state->options.apply_rewind) {
    // One pass for the rewinds: a record is void because of something that comes after it.
    ReadOptions plain = state->options;
    plain.apply_rewind = false;
    auto first = Reader::open(path, plain);
    if (!first) return std::move(first).error();
    Entry entry;
    while (first->next(entry)) {
      if (entry.record.kind == Kind::rewind && entry.record.step) {
        state->rewinds.add(entry.journal->run_id, entry.record.time_ns, *entry.record.step);
      }
    }
    // Which records are void is not known then.
    if (!first->failures().empty()) return first->failures().front();
    state->rewinds.finish();
  }
  const JournalSelection selection{.runs = state->options.runs, .ranks = state->options.ranks};
  auto found = find_journal_files(path, selection);
  if (!found) return std::move(found).error();
  for (JournalFiles& files : *found) {
    if (!selection.has_run(files.info.run_id) || !selection.has_rank(files.info.rank)) continue;
    const std::size_t index = state->journals.size();
    auto source = JournalSource::open(files, {.since_ns = state->options.since_unix_ns,
                                              .checks_digests = state->options.check_digests,
                                              .checks_summaries = state->options.check_summaries});
    if (source) {
      state->streams.push_back({.source = std::move(*source), .journal = index});
    } else if (found->size() == 1) {
      return std::move(source).error();
    } else {
      // One unreadable journal does not hide the others.
      state->damage.push_back({files.info.path.native(), 0, 0, 0, false, source.error().message});
    }
    state->journals.push_back(std::move(files.info));
  }
  for (State::Stream& stream : state->streams) state->push_unread(stream);
  return Reader(std::move(state));
}

bool Reader::next(Entry& entry) {
  State& state = *state_;
  for (;;) {
    if (state.last != nullptr) {
      state.last->source->pop();
      state.push(*state.last);
      state.last = nullptr;
    }
    if (state.heap.empty()) return false;
    std::pop_heap(state.heap.begin(), state.heap.end(), &State::is_later);
    State::Stream* const stream = state.heap.back();
    state.heap.pop_back();
    if (stream->head == nullptr) {
      state.push(*stream);
      continue;
    }
    state.last = stream;
    JournalInfo& journal = state.journals[stream->journal];
    const Record& record = *stream->head;
    if (state.options.since_unix_ns && record.time_ns < *state.options.since_unix_ns) continue;
    if (state.options.apply_rewind && state.rewinds.voids(journal.run_id, record)) continue;
    count_record(journal, record);
    entry.record = record;
    entry.journal = &journal;
    return true;
  }
}

const std::vector<JournalInfo>& Reader::journals() const noexcept {
  return state_->journals;
}
const std::vector<Damage>& Reader::damage() const noexcept {
  return state_->damage;
}
const std::vector<Error>& Reader::failures() const noexcept {
  return state_->failures;
}

struct Follower::State {
  std::filesystem::path path;
  ReadOptions options;
  std::map<std::pair<std::string, std::int32_t>, std::int64_t> next_seq;  // by session and lane
  std::int64_t latest_ns = INT64_MIN;
};

Follower::Follower(std::unique_ptr<State> state) : state_(std::move(state)) {}
Follower::~Follower() = default;
Follower::Follower(Follower&&) noexcept = default;
Follower& Follower::operator=(Follower&&) noexcept = default;

Result<Follower> Follower::open(const std::filesystem::path& path, ReadOptions options) {
  if (is_remote_store(path.native())) {
    // Each poll would list and ask again, at the store's prices, and no store tells who still
    // lives.
    return Error{Errc::unsupported, 0,
                 "a store cannot be followed: records come to it pack by pack; follow the journal "
                 "on the machine of the job, or read the store again from time to time"};
  }
  auto found = find_journal_files(path);
  if (!found) return std::move(found).error();
  auto state = std::make_unique<State>();
  state->path = path;
  state->options = std::move(options);
  return Follower(std::move(state));
}

Result<bool> Follower::poll(const std::function<void(const Reader::Entry&)>& visit) {
  // Threads stamp a record before they append it, so one may appear a little late: look back a
  // minute, and let the sequence numbers decide what is new.
  constexpr std::int64_t kLook_back_ns = 60'000'000'000;
  ReadOptions options = state_->options;
  if (state_->latest_ns != INT64_MIN) {
    const std::int64_t since = state_->latest_ns - kLook_back_ns;
    options.since_unix_ns = std::max(options.since_unix_ns.value_or(INT64_MIN), since);
  }
  auto reader = Reader::open(state_->path, options);
  if (!reader) return std::move(reader).error();
  const bool is_alive =
      std::any_of(reader->journals().begin(), reader->journals().end(),
                  [](const JournalInfo& info) { return info.state == JournalState::live; });
  Reader::Entry entry;
  while (reader->next(entry)) {
    std::int64_t& next = state_->next_seq[{entry.journal->session, entry.record.lane}];
    if (entry.record.seq < next) continue;
    next = entry.record.seq + 1;
    state_->latest_ns = std::max(state_->latest_ns, entry.record.time_ns);
    visit(entry);
  }
  return is_alive;
}

}  // namespace runlog
