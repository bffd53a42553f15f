// Reading from a program: list the journals, stream the records, follow a run while it is
// written.
//
//   read_back PATH [--follow]
//
// PATH is a root, a run, a journal, a pack, a segment or the directory of a store.
#include <chrono>
#include <cstdio>
#include <runlog/runlog.hpp>
#include <string>
#include <string_view>
#include <thread>

namespace {

int fail(const runlog::Error& error) {
  std::fprintf(stderr, "read_back: %s\n", error.message.c_str());
  return 1;
}

void print(const runlog::Reader::Entry& entry) {
  std::string line;
  runlog::append_json(entry, line);
  std::puts(line.c_str());
}

int follow(const char* path) {
  auto follower = runlog::Follower::open(path);
  if (!follower) return fail(follower.error());
  while (true) {
    const auto is_alive = follower->poll(print);
    if (!is_alive) return fail(is_alive.error());
    if (!*is_alive) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: read_back PATH [--follow]\n");
    return 2;
  }
  if (argc > 2 && std::string_view(argv[2]) == "--follow") return follow(argv[1]);

  auto reader = runlog::Reader::open(argv[1], {.apply_rewind = true});
  if (!reader) return fail(reader.error());
  for (const auto& journal : reader->journals()) {
    std::fprintf(stderr, "%s rank %lld: %s\n", journal.run_id.c_str(),
                 static_cast<long long>(journal.rank),
                 std::string(runlog::journal_state_name(journal.state)).c_str());
  }
  runlog::Reader::Entry entry;
  while (reader->next(entry)) {
    if (entry.record.kind == runlog::Kind::metric) print(entry);
  }
  for (const auto& damage : reader->damage()) {
    std::fprintf(stderr, "%s [%llu, %llu): %s\n", damage.path.c_str(),
                 static_cast<unsigned long long>(damage.begin),
                 static_cast<unsigned long long>(damage.end), damage.why.c_str());
  }
  return reader->damage().empty() ? 0 : 3;
}
