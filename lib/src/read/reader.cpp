#include "runlog/reader.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/out_of_memory.hpp"
#include "platform/in_call.hpp"
#include "read/journal_list.hpp"
#include "read/rewinds.hpp"
#include "read/seen_records.hpp"

namespace runlog {

struct Reader::State {
  struct Stream {
    std::unique_ptr<JournalSource> source;
    std::size_t journal;     // index into journals
    Stream* next = nullptr;  // of the attempts that follow this one; they wait for its end
    Stream* next_sibling = nullptr;
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

  // An attempt comes behind the one that it follows, whatever the clocks said. (They are ordered so
  // in `journals`; one that claims to follow a later one starts by itself.)
  void push_all() {
    std::map<std::tuple<std::string_view, std::int64_t, std::string_view>, Stream*> before;
    for (Stream& stream : streams) {
      const JournalInfo& journal = journals[stream.journal];
      const auto found = before.find({journal.run_id, journal.rank, journal.follows});
      if (journal.follows.empty() || found == before.end()) {
        push_unread(stream);
      } else {
        stream.next_sibling = std::exchange(found->second->next, &stream);
      }
      before.emplace(std::tuple(std::string_view(journal.run_id), journal.rank,
                                std::string_view(journal.session)),
                     &stream);
    }
  }

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
      failures.reserve(failures.size() + 1);  // for next(), when it finds no memory
      stream.source.reset();                  // its maps and buffers
      for (Stream* one = stream.next; one != nullptr; one = one->next_sibling) push_unread(*one);
      return;
    }
    heap.push_back(&stream);
    std::push_heap(heap.begin(), heap.end(), &is_later);
  }

  bool next(Entry& entry) {
    for (;;) {
      if (last != nullptr) {
        last->source->pop();
        push(*last);
        last = nullptr;
      }
      if (heap.empty()) return false;
      std::pop_heap(heap.begin(), heap.end(), &is_later);
      Stream* const stream = heap.back();
      heap.pop_back();
      if (stream->head == nullptr) {
        push(*stream);
        continue;
      }
      last = stream;
      JournalInfo& journal = journals[stream->journal];
      const Record& record = *stream->head;
      if (options.since_unix_ns && record.time_ns < *options.since_unix_ns) continue;
      if (options.apply_rewind && rewinds.voids(journal, record)) continue;
      count_record(journal, record);
      entry.record = record;
      entry.journal = &journal;
      return true;
    }
  }
};

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Result<Reader> Reader::open(const std::filesystem::path& path, ReadOptions options) {
  const InCall in_call;
  return catch_no_memory([&] { return open_but(path, std::move(options), nullptr); });
}

Result<Reader> Reader::open_but(const std::filesystem::path& path, ReadOptions options,
                                const std::map<std::string, SeenRecords>* seen) {
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
        state->rewinds.add(*entry.journal, entry.record);
      }
    }
    // Which records are void is not known then.
    if (!first->failures().empty()) return first->failures().front();
    state->rewinds.finish(first->journals());
  }
  const JournalSelection selection{.runs = state->options.runs, .ranks = state->options.ranks};
  auto found = find_journal_files(path, selection, &state->failures);
  if (!found) return std::move(found).error();
  for (JournalFiles& files : *found) {
    if (!selection.has_run(files.info.run_id) || !selection.has_rank(files.info.rank)) continue;
    const std::size_t index = state->journals.size();
    const SeenRecords* seen_here = nullptr;
    if (seen != nullptr) {
      const auto found_seen = seen->find(files.info.session);
      if (found_seen != seen->end()) seen_here = &found_seen->second;
    }
    auto source = JournalSource::open(files, {.since_ns = state->options.since_unix_ns,
                                              .checks_digests = state->options.check_digests,
                                              .checks_summaries = state->options.check_summaries,
                                              .seen = seen_here});
    if (source) {
      state->streams.push_back({.source = std::move(*source), .journal = index});
    } else if (found->size() == 1) {
      return std::move(source).error();
    } else {
      // One unreadable journal does not hide the others.
      state->failures.push_back(std::move(source).error());
    }
    state->journals.push_back(std::move(files.info));
  }
  state->failures.reserve(state->failures.size() + 1);
  state->push_all();
  return Reader(std::move(state));
}

bool Reader::next(Entry& entry) {
  const InCall in_call;
  try {
    return state_->next(entry);
  } catch (const std::bad_alloc&) {
    // The stream it was at is lost to this reading.
    state_->heap.clear();
    state_->last = nullptr;
    state_->failures.push_back(out_of_memory());  // has its place
    return false;
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
  std::map<std::string, SeenRecords> seen;  // by session
};

Follower::Follower(std::unique_ptr<State> state) : state_(std::move(state)) {}
Follower::~Follower() = default;
Follower::Follower(Follower&&) noexcept = default;
Follower& Follower::operator=(Follower&&) noexcept = default;

Result<Follower> Follower::open(const std::filesystem::path& path, ReadOptions options) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<Follower> {
    if (is_remote_store(path.native())) {
      // Each poll would list and ask again, at the store's prices, and no store tells who still
      // lives.
      return Error{
          Errc::unsupported, 0,
          "a store cannot be followed: records come to it pack by pack; follow the journal "
          "on the machine of the job, or read the store again from time to time"};
    }
    auto found = find_journal_files(path);
    if (!found) return std::move(found).error();
    auto state = std::make_unique<State>();
    state->path = path;
    state->options = std::move(options);
    return Follower(std::move(state));
  });
}

Result<bool> Follower::poll(const std::function<void(const Reader::Entry&)>& visit) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<bool> {
    // The sequence numbers decide what is new, not the times: those may be the callers', and go
    // back.
    auto reader = Reader::open_but(state_->path, state_->options, &state_->seen);
    if (!reader) return std::move(reader).error();
    const bool is_alive =
        std::any_of(reader->journals().begin(), reader->journals().end(),
                    [](const JournalInfo& info) { return info.state == JournalState::live; });
    Reader::Entry entry;
    while (reader->next(entry)) {
      if (state_->seen[entry.journal->session].add(entry.record.lane, entry.record.seq)) {
        visit(entry);
      }
    }
    return is_alive;
  });
}

}  // namespace runlog
