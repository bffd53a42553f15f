// A real training loop that logs with runlog: a small language model over characters, in plain C++.
// It reads text files, learns to predict the next character from the eight before it (embedding,
// one hidden layer, softmax; Adam on minibatches), and logs what a training job logs.
//
//   train_char_model [--root DIR] [--store URL] [--steps N] [--seed N] [--print-every N] [FILE…]
//
// Without files it reads LICENSE and docs/*.md of the current directory. The same seed and text
// give the same losses. After every --print-every steps it prints, at once, the step whose log call
// has returned: whoever kills this program knows what runlog must still have.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <runlog/runlog.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kContext = 8;  // characters the model sees
constexpr std::size_t kEmbedding = 16;
constexpr std::size_t kInputs = kContext * kEmbedding;
constexpr std::size_t kHidden = 128;
constexpr std::size_t kBatch = 32;
constexpr std::size_t kValidation_windows = 512;
constexpr float kLearning_rate = 2e-3F;

/// SplitMix64: unlike the standard library's distributions, the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(next() % count); }
  /// In [0, 1).
  float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24F; }

 private:
  std::uint64_t state_;
};

/// The text as indices into the characters that occur in it.
struct Corpus {
  std::string characters = {};
  std::vector<std::uint8_t> tokens = {};
  std::size_t training_end = 0;  // the last tenth is for validation

  explicit Corpus(std::string_view text) {
    std::array<std::size_t, 256> counts{};
    for (const char c : text) ++counts[static_cast<unsigned char>(c)];
    std::array<std::uint8_t, 256> index{};
    for (std::size_t byte = 0; byte < counts.size(); ++byte) {
      if (counts[byte] == 0) continue;
      index[byte] = static_cast<std::uint8_t>(characters.size());
      characters.push_back(static_cast<char>(byte));
    }
    tokens.reserve(text.size());
    for (const char c : text) tokens.push_back(index[static_cast<unsigned char>(c)]);
    training_end = tokens.size() - tokens.size() / 10;
  }
};

void add_scaled(float factor, std::span<const float> source, std::span<float> target) {
  for (std::size_t i = 0; i < source.size(); ++i) target[i] += factor * source[i];
}

float dot(std::span<const float> left, std::span<const float> right) {
  std::array<float, 8> partial{};  // eight sums, so that the compiler may use vector registers
  const std::size_t even_end = left.size() - left.size() % partial.size();
  for (std::size_t i = 0; i < even_end; i += partial.size()) {
    for (std::size_t k = 0; k < partial.size(); ++k) partial[k] += left[i + k] * right[i + k];
  }
  float sum = std::accumulate(partial.begin(), partial.end(), 0.0F);
  for (std::size_t i = even_end; i < left.size(); ++i) sum += left[i] * right[i];
  return sum;
}

/// Weights, their gradients and Adam's moments, each one flat array with the same layout:
/// embedding [vocabulary][kEmbedding], hidden [kInputs][kHidden], hidden bias [kHidden],
/// output [kHidden][vocabulary], output bias [vocabulary].
class Model {
 public:
  Model(std::size_t vocabulary, Random& random)
      : vocabulary_(vocabulary),
        hidden_at_(vocabulary * kEmbedding),
        hidden_bias_at_(hidden_at_ + kInputs * kHidden),
        output_at_(hidden_bias_at_ + kHidden),
        output_bias_at_(output_at_ + kHidden * vocabulary),
        weights_(output_bias_at_ + vocabulary),
        gradient_(weights_.size()),
        mean_(weights_.size()),
        square_(weights_.size()),
        logits_(vocabulary) {
    const auto fill = [&](std::size_t begin, std::size_t end, float scale) {
      for (std::size_t i = begin; i < end; ++i) weights_[i] = (2 * random.uniform() - 1) * scale;
    };
    fill(0, hidden_at_, 0.5F);
    fill(hidden_at_, hidden_bias_at_, std::sqrt(3.0F / kInputs));
    fill(output_at_, output_bias_at_, std::sqrt(3.0F / kHidden));
  }

  [[nodiscard]] std::span<const float> weights() const { return weights_; }

  /// −ln of the probability given to `next` after `context` (kContext tokens); adds to the gradient
  /// where `learn` is set. Leaves the probabilities in probabilities().
  float window(std::span<const std::uint8_t> context, std::uint8_t next, bool learn) {
    for (std::size_t k = 0; k < kContext; ++k) {
      const auto row = part(weights_, context[k] * kEmbedding, kEmbedding);
      std::copy(row.begin(), row.end(),
                inputs_.begin() + static_cast<std::ptrdiff_t>(k * kEmbedding));
    }
    const auto bias = part(weights_, hidden_bias_at_, kHidden);
    std::copy(bias.begin(), bias.end(), hidden_.begin());
    for (std::size_t i = 0; i < kInputs; ++i) {
      add_scaled(inputs_[i], part(weights_, hidden_at_ + i * kHidden, kHidden), hidden_);
    }
    for (float& h : hidden_) h = std::tanh(h);
    const auto output_bias = part(weights_, output_bias_at_, vocabulary_);
    std::copy(output_bias.begin(), output_bias.end(), logits_.begin());
    for (std::size_t j = 0; j < kHidden; ++j) {
      add_scaled(hidden_[j], part(weights_, output_at_ + j * vocabulary_, vocabulary_), logits_);
    }
    const float highest = *std::max_element(logits_.begin(), logits_.end());
    float total = 0;
    for (float& logit : logits_) total += (logit = std::exp(logit - highest));
    for (float& logit : logits_) logit /= total;
    const float loss = -std::log(std::max(logits_[next], 1e-30F));
    if (learn) backward(context, next);
    return loss;
  }

  [[nodiscard]] std::span<const float> probabilities() const { return logits_; }

  /// One step of Adam on the mean gradient of `windows` calls of window(); clears the gradient and
  /// returns its norm.
  float update(std::size_t windows, std::int64_t step) {
    constexpr float beta1 = 0.9F;
    constexpr float beta2 = 0.999F;
    const auto time = static_cast<float>(step);
    const float rate =
        kLearning_rate * std::sqrt(1 - std::pow(beta2, time)) / (1 - std::pow(beta1, time));
    const float norm = std::sqrt(dot(gradient_, gradient_)) / static_cast<float>(windows);
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const float g = gradient_[i] / static_cast<float>(windows);
      mean_[i] = beta1 * mean_[i] + (1 - beta1) * g;
      square_[i] = beta2 * square_[i] + (1 - beta2) * g * g;
      weights_[i] -= rate * mean_[i] / (std::sqrt(square_[i]) + 1e-8F);
      gradient_[i] = 0;
    }
    return norm;
  }

 private:
  static std::span<float> part(std::vector<float>& of, std::size_t at, std::size_t count) {
    return std::span(of).subspan(at, count);
  }

  void backward(std::span<const std::uint8_t> context, std::uint8_t next) {
    auto error = std::span(logits_);  // softmax with cross-entropy: probability − truth
    error[next] -= 1;
    add_scaled(1, error, part(gradient_, output_bias_at_, vocabulary_));
    for (std::size_t j = 0; j < kHidden; ++j) {
      const std::size_t at = output_at_ + j * vocabulary_;
      add_scaled(hidden_[j], error, part(gradient_, at, vocabulary_));
      const float slope = 1 - hidden_[j] * hidden_[j];
      hidden_error_[j] = slope * dot(part(weights_, at, vocabulary_), error);
    }
    add_scaled(1, hidden_error_, part(gradient_, hidden_bias_at_, kHidden));
    for (std::size_t i = 0; i < kInputs; ++i) {
      const std::size_t at = hidden_at_ + i * kHidden;
      add_scaled(inputs_[i], hidden_error_, part(gradient_, at, kHidden));
      gradient_[context[i / kEmbedding] * kEmbedding + i % kEmbedding] +=
          dot(part(weights_, at, kHidden), hidden_error_);
    }
  }

  std::size_t vocabulary_;
  std::size_t hidden_at_, hidden_bias_at_, output_at_, output_bias_at_;
  std::vector<float> weights_, gradient_, mean_, square_;
  std::array<float, kInputs> inputs_{};
  std::array<float, kHidden> hidden_{};
  std::array<float, kHidden> hidden_error_{};
  std::vector<float> logits_;
};

/// Mean loss over windows spread evenly over the validation part.
double validate(Model& model, const Corpus& corpus) {
  const std::size_t last = corpus.tokens.size() - kContext - 1;
  double sum = 0;
  for (std::size_t i = 0; i < kValidation_windows; ++i) {
    const std::size_t at =
        corpus.training_end + i * (last - corpus.training_end) / kValidation_windows;
    const auto window = std::span(corpus.tokens).subspan(at, kContext + 1);
    sum += static_cast<double>(model.window(window.first(kContext), window.back(), false));
  }
  return sum / static_cast<double>(kValidation_windows);
}

/// `count` characters written by the model itself.
std::string sample(Model& model, const Corpus& corpus, std::size_t count, Random& random) {
  std::vector<std::uint8_t> tokens(corpus.tokens.begin(), corpus.tokens.begin() + kContext);
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    model.window(std::span(tokens).last(kContext), 0, false);
    float left = random.uniform();
    std::size_t token = 0;
    const auto probabilities = model.probabilities();
    while (token + 1 < probabilities.size() && (left -= probabilities[token]) > 0) ++token;
    tokens.push_back(static_cast<std::uint8_t>(token));
    text.push_back(corpus.characters[token]);
  }
  return text;
}

struct Arguments {
  std::filesystem::path root = "runs";
  std::string store = {};
  std::int64_t steps = 3000;
  std::uint64_t seed = 1;
  std::int64_t print_every = 100;
  std::vector<std::filesystem::path> files = {};
};

[[noreturn]] void stop(int code, const std::string& message) {
  std::fprintf(stderr, "train_char_model: %s\n", message.c_str());
  std::exit(code);
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
      arguments.files.emplace_back(word);
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
    } else if (word == "--seed") {
      arguments.seed = static_cast<std::uint64_t>(positive(word, value));
    } else if (word == "--print-every") {
      arguments.print_every = positive(word, value);
    } else {
      stop(2, "unknown option " + std::string(word));
    }
  }
  if (arguments.files.empty()) {
    arguments.files.emplace_back("LICENSE");
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("docs", error)) {
      if (entry.path().extension() == ".md") arguments.files.push_back(entry.path());
    }
    std::sort(arguments.files.begin(), arguments.files.end());
  }
  return arguments;
}

std::string read_text(const std::vector<std::filesystem::path>& files) {
  std::string text;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) stop(1, "cannot read " + file.string());
    text.append(std::istreambuf_iterator<char>(in), {});
  }
  if (text.size() < 2000) stop(1, "the text is too short to learn from: give larger files");
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  const Corpus corpus(read_text(arguments.files));
  Random random(arguments.seed);
  Model model(corpus.characters.size(), random);

  auto started = runlog::start_logging(
      {.root = arguments.root, .project = "char-model", .store = arguments.store});
  if (!started) stop(1, started.error().message);
  auto run = std::move(started).value();
  run.tag("model_type", "char-mlp");
  run.param("lr", static_cast<double>(kLearning_rate));
  run.param("batch", static_cast<std::int64_t>(kBatch));
  run.param("context", static_cast<std::int64_t>(kContext));
  run.param("hidden", static_cast<std::int64_t>(kHidden));
  run.param("weights", static_cast<std::int64_t>(model.weights().size()));
  run.param("characters", static_cast<std::int64_t>(corpus.tokens.size()));
  run.param("seed", static_cast<std::int64_t>(arguments.seed));
  std::printf("run %s: %zu weights, %zu characters of text\n", run.run_id().c_str(),
              model.weights().size(), corpus.tokens.size());

  auto train_loss = run.metric("train/loss");
  using Clock = std::chrono::steady_clock;
  auto since = Clock::now();
  for (std::int64_t step = 1; step <= arguments.steps; ++step) {
    float loss = 0;
    for (std::size_t i = 0; i < kBatch; ++i) {
      const auto at = random.below(corpus.training_end - kContext);
      const auto window = std::span(corpus.tokens).subspan(at, kContext + 1);
      loss += model.window(window.first(kContext), window.back(), true);
    }
    const float norm = model.update(kBatch, step);
    train_loss.log(loss / kBatch, step);

    if (step % 50 == 0) {
      const std::chrono::duration<double> seconds = Clock::now() - since;
      run.log(step, {{"val/loss", validate(model, corpus)},
                     {"train/gradient_norm", norm},
                     {"tokens_per_s", 50 * kBatch / seconds.count()}});
      since = Clock::now();
    }
    if (step % 200 == 0) run.text(runlog::Level::info, sample(model, corpus, 80, random));
    if (step % arguments.print_every == 0) {
      std::printf("step %lld train/loss %.4f\n", static_cast<long long>(step),
                  static_cast<double>(loss / kBatch));
      std::fflush(stdout);
    }
  }

  const auto weights_path =
      std::filesystem::temp_directory_path() / ("char-model-" + run.session() + ".bin");
  const auto bytes = std::as_bytes(model.weights());
  std::ofstream(weights_path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  const auto uploaded = run.upload_file("weights", weights_path);
  std::filesystem::remove(weights_path);  // runlog has its content already
  if (!uploaded) {
    run.fail("upload", uploaded.error().message);
    stop(1, uploaded.error().message);
  }
  run.complete();
  std::printf("done: the journal is in %s\n", run.journal_path().c_str());
  return 0;
}
