// A real training loop that logs with runlog: a small neural language model (language_model.hpp) is
// trained by stochastic gradient descent, on several threads, on a text that every Debian has.
//
//   train [--root DIR] [--store URL] [--steps N] [--threads N] [--seed N] [--print-every N]
//         [--checkpoint-every N] [--kill-at-step N] [--acknowledged FILE] [TEXT]
//
// Without TEXT it reads the GNU General Public License. The same text, seed and number of threads
// give the same losses. --kill-at-step ends the process with SIGKILL in the middle of that step,
// while the other threads compute and log; --acknowledged names the file of acknowledged.hpp.
#include <barrier>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <runlog/runlog.hpp>
#include <thread>

#include "acknowledged.hpp"
#include "language_model.hpp"

namespace {

constexpr std::size_t kBatch = 32;  // windows per step, over all threads
constexpr float kLearning_rate = 0.03F;
constexpr float kMomentum = 0.9F;
constexpr std::size_t kValidation_windows = 512;
constexpr std::int64_t kValidate_every = 50;  // steps, as all that follow
constexpr std::int64_t kSample_every = 500;
constexpr const char* kText = "/usr/share/common-licenses/GPL-3";

struct Arguments {
  std::filesystem::path root = "runs";
  std::string store = {};
  std::int64_t steps = 5000;
  std::size_t threads = 4;
  std::uint64_t seed = 1;
  std::int64_t print_every = 500;
  std::int64_t checkpoint_every = 1000;
  std::int64_t kill_at_step = 0;  // 0: never
  std::string acknowledged = {};
  std::filesystem::path text = kText;
};

[[noreturn]] void stop(int code, const std::string& message) {
  std::fprintf(stderr, "train: %s\n", message.c_str());
  std::exit(code);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet, or none will
}

std::int64_t positive(std::string_view option, const std::string& text) {
  char* end = nullptr;
  const long long number = std::strtoll(text.c_str(), &end, 10);
  if (number < 1 || *end != '\0') stop(2, std::string(option) + " takes a number from 1: " + text);
  return number;
}

Arguments parse(std::span<char*> words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!word.starts_with("--")) {
      arguments.text = word;
      continue;
    }
    if (i + 1 == words.size()) stop(2, std::string(word) + " needs a value");
    const std::string value = words[++i];
    if (word == "--root") {
      arguments.root = value;
    } else if (word == "--store") {
      arguments.store = value;
    } else if (word == "--steps") {
      arguments.steps = positive(word, value);
    } else if (word == "--threads") {
      arguments.threads = static_cast<std::size_t>(positive(word, value));
      if (kBatch % arguments.threads != 0) stop(2, "--threads: 1, 2, 4, 8, 16 or 32");
    } else if (word == "--seed") {
      arguments.seed = static_cast<std::uint64_t>(positive(word, value));
    } else if (word == "--print-every") {
      arguments.print_every = positive(word, value);
    } else if (word == "--checkpoint-every") {
      arguments.checkpoint_every = positive(word, value);
    } else if (word == "--kill-at-step") {
      arguments.kill_at_step = positive(word, value);
    } else if (word == "--acknowledged") {
      arguments.acknowledged = value;
    } else {
      stop(2, "unknown option " + std::string(word));
    }
  }
  return arguments;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (text.size() < 2000) stop(1, path.string() + " cannot be read or is too short to learn from");
  return text;
}

/// Everything of one training run. The threads meet twice per step: before it begins, when the
/// weights are final, and at its end, when the gradients are.
class Training {
 public:
  Training(const Arguments& arguments, runlog::Run& run, Acknowledged& acknowledged)
      : arguments_(arguments),
        corpus_(read_text(arguments.text)),
        random_(arguments.seed),
        model_(corpus_.characters.size(), random_),
        run_(run),
        texts_(acknowledged.counter("text")),
        files_(acknowledged.counter("file")),
        train_loss_(run, acknowledged, "train/loss"),
        gradient_norm_(run, acknowledged, "train/gradient_norm"),
        tokens_per_s_(run, acknowledged, "tokens_per_s"),
        validation_loss_(run, acknowledged, "val/loss"),
        meeting_(static_cast<std::ptrdiff_t>(arguments.threads)) {
    for (std::size_t i = 0; i < arguments.threads; ++i) {
      const std::string name = "worker/" + std::to_string(i) + "/window_loss";
      shares_.push_back({Worker(model_), Random(random_.next()), {run, acknowledged, name}});
    }
    auto params = acknowledged.counter("param");
    const auto param = [&](const char* name, const runlog::Value& value) {
      run.param(name, value);
      params.add();
    };
    param("optimizer", "sgd");
    param("lr", kLearning_rate);
    param("momentum", kMomentum);
    param("batch", kBatch);
    param("threads", arguments.threads);
    param("seed", arguments.seed);
    param("text", arguments.text.string());
    param("characters", corpus_.tokens.size());
    param("weights", model_.weights().size());
  }

  void run() {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < shares_.size(); ++i) {
      threads.emplace_back([this, i] { work(shares_[i]); });
    }
    auto since = std::chrono::steady_clock::now();
    for (std::int64_t step = 1; step <= arguments_.steps; ++step) {
      meeting_.arrive_and_wait();
      compute(shares_[0], step);
      meeting_.arrive_and_wait();

      double loss = 0;
      for (Share& share : shares_) {
        model_.collect(share.worker.gradient());
        loss += share.loss / static_cast<double>(kBatch);
      }
      const float norm = model_.update(kBatch, kLearning_rate, kMomentum);
      train_loss_.log(loss, step);
      gradient_norm_.log(norm, step);
      if (step % kValidate_every == 0) {
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - since;
        tokens_per_s_.log(kValidate_every * kBatch / seconds.count(), step);
        validation_loss_.log(validate(), step);
        since = std::chrono::steady_clock::now();
      }
      if (step % kSample_every == 0) {
        run_.text(runlog::Level::info, shares_[0].worker.sample(corpus_, 80, random_));
        texts_.add();
      }
      if (step % arguments_.checkpoint_every == 0) save_checkpoint(step);
      if (step % arguments_.print_every == 0) {
        std::printf("step %lld  train/loss %.4f\n", static_cast<long long>(step), loss);
        std::fflush(stdout);
      }
    }
    is_over_ = true;
    meeting_.arrive_and_wait();
  }

 private:
  // What one thread has of each step. The main thread has the first.
  struct Share {
    Worker worker;
    Random random;
    CountedMetric window_loss;
    double loss = 0;  // of this step, summed
  };

  void work(Share& share) {
    for (std::int64_t step = 1;; ++step) {
      meeting_.arrive_and_wait();
      if (is_over_) return;
      compute(share, step);
      meeting_.arrive_and_wait();
    }
  }

  void compute(Share& share, std::int64_t step) {
    const std::size_t count = kBatch / shares_.size();
    share.loss = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto window = corpus_.window(share.random.below(corpus_.training_end - kContext));
      const float loss = share.worker.loss(window, true);
      share.window_loss.log(loss, step);
      share.loss += static_cast<double>(loss);
      const bool is_first = &share == shares_.data();
      if (step == arguments_.kill_at_step && is_first && i == count / 2) std::raise(SIGKILL);
    }
  }

  /// The mean loss over windows spread evenly over the validation part.
  double validate() {
    const std::size_t last = corpus_.tokens.size() - kContext - 1;
    double sum = 0;
    for (std::size_t i = 0; i < kValidation_windows; ++i) {
      const auto at =
          corpus_.training_end + i * (last - corpus_.training_end) / kValidation_windows;
      sum += static_cast<double>(shares_[0].worker.loss(corpus_.window(at), false));
    }
    return sum / static_cast<double>(kValidation_windows);
  }

  void save_checkpoint(std::int64_t step) {
    const auto path = scratch_ / ("checkpoint-" + run_.session() + ".bin");
    const auto bytes = std::as_bytes(model_.weights());
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    const auto uploaded = run_.upload_file("checkpoint/" + std::to_string(step), path);
    std::error_code ignored;
    std::filesystem::remove(path, ignored);  // runlog has its content already
    if (uploaded) {
      files_.add();
    } else {  // the training goes on without it
      std::fprintf(stderr, "train: %s\n", uploaded.error().message.c_str());
    }
  }

  const Arguments& arguments_;
  const Corpus corpus_;
  const std::filesystem::path scratch_ = std::filesystem::temp_directory_path();
  Random random_;
  Model model_;
  runlog::Run& run_;
  Counter texts_, files_;
  CountedMetric train_loss_, gradient_norm_, tokens_per_s_, validation_loss_;
  std::barrier<> meeting_;
  std::vector<Share> shares_;  // complete before the threads start
  bool is_over_ = false;       // written before the last meeting
};

int train(const Arguments& arguments) {
  auto started = runlog::start_logging(
      {.root = arguments.root, .project = "char-model", .store = arguments.store});
  if (!started) stop(1, started.error().message);
  auto run = std::move(started).value();
  Acknowledged acknowledged(arguments.acknowledged);
  acknowledged.counter("status").add();  // start_logging has recorded that the run started
  run.tag("model_type", "char-mlp");
  acknowledged.counter("tag").add();

  std::printf("run %s: training on %s\n", run.run_id().c_str(), arguments.text.c_str());
  std::fflush(stdout);
  Training(arguments, run, acknowledged).run();
  run.complete();
  std::printf("done: the journal is in %s\n", run.journal_path().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return train(parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1)));
  } catch (const std::exception& error) {
    stop(1, error.what());
  }
}
