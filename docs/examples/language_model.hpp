// A small neural language model over characters, in plain C++: it predicts the next character from
// the eight before it (embedding, one hidden layer, softmax). Knows nothing of files or of logging.
// Several threads may each have a Worker on one Model: the model is only read until update().
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

inline constexpr std::size_t kContext = 8;  // characters the model sees
inline constexpr std::size_t kEmbedding = 16;
inline constexpr std::size_t kInputs = kContext * kEmbedding;
inline constexpr std::size_t kHidden = 128;

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
  /// kContext characters and the one that follows.
  [[nodiscard]] std::span<const std::uint8_t> window(std::size_t at) const {
    return std::span(tokens).subspan(at, kContext + 1);
  }
};

inline void add_scaled(float factor, std::span<const float> source, std::span<float> target) {
  for (std::size_t i = 0; i < source.size(); ++i) target[i] += factor * source[i];
}

inline float dot(std::span<const float> left, std::span<const float> right) {
  std::array<float, 8> partial{};  // eight sums, so that the compiler may use vector registers
  const std::size_t even_end = left.size() - left.size() % partial.size();
  for (std::size_t i = 0; i < even_end; i += partial.size()) {
    for (std::size_t k = 0; k < partial.size(); ++k) partial[k] += left[i + k] * right[i + k];
  }
  float sum = std::accumulate(partial.begin(), partial.end(), 0.0F);
  for (std::size_t i = even_end; i < left.size(); ++i) sum += left[i] * right[i];
  return sum;
}

/// Where each layer lies in the flat array of weights, and in that of their gradients:
/// embedding [vocabulary][kEmbedding], hidden [kInputs][kHidden], hidden bias [kHidden],
/// output [kHidden][vocabulary], output bias [vocabulary].
struct Layout {
  explicit Layout(std::size_t vocabulary_size)
      : vocabulary(vocabulary_size),
        hidden(vocabulary * kEmbedding),
        hidden_bias(hidden + kInputs * kHidden),
        output(hidden_bias + kHidden),
        output_bias(output + kHidden * vocabulary),
        end(output_bias + vocabulary) {}
  std::size_t vocabulary, hidden, hidden_bias, output, output_bias, end;
};

/// The weights, and stochastic gradient descent with momentum on them.
class Model {
 public:
  Model(std::size_t vocabulary, Random& random)
      : layout_(vocabulary), weights_(layout_.end), velocity_(layout_.end), sum_(layout_.end) {
    const auto fill = [&](std::size_t begin, std::size_t end, float scale) {
      for (std::size_t i = begin; i < end; ++i) weights_[i] = (2 * random.uniform() - 1) * scale;
    };
    fill(0, layout_.hidden, 0.5F);
    fill(layout_.hidden, layout_.hidden_bias, std::sqrt(3.0F / kInputs));
    fill(layout_.output, layout_.output_bias, std::sqrt(3.0F / kHidden));
  }
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] std::span<const float> weights() const { return weights_; }

  /// Adds to the gradient of this step, and clears `gradient`.
  void collect(std::span<float> gradient) {
    add_scaled(1, gradient, sum_);
    std::fill(gradient.begin(), gradient.end(), 0.0F);
  }
  /// One step on the mean over `windows` of what was collected. Returns the gradient's norm.
  float update(std::size_t windows, float rate, float momentum) {
    const float scale = 1 / static_cast<float>(windows);
    const float norm = std::sqrt(dot(sum_, sum_)) * scale;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      velocity_[i] = momentum * velocity_[i] + scale * sum_[i];
      weights_[i] -= rate * velocity_[i];
      sum_[i] = 0;
    }
    return norm;
  }

 private:
  Layout layout_;
  std::vector<float> weights_, velocity_, sum_;
};

/// One thread's pass through the model: its activations and its part of the gradient.
class Worker {
 public:
  explicit Worker(const Model& model)
      : model_(model),
        layout_(model.layout()),
        gradient_(layout_.end),
        logits_(layout_.vocabulary) {}

  /// −ln of the probability the model gives to the last character of `window` after the others.
  /// Adds to the gradient where `learn` is set.
  float loss(std::span<const std::uint8_t> window, bool learn) {
    const auto context = window.first(kContext);
    const std::uint8_t next = window[kContext];
    forward(context);
    const float loss = -std::log(std::max(logits_[next], 1e-30F));
    if (learn) backward(context, next);
    return loss;
  }
  [[nodiscard]] std::span<float> gradient() { return gradient_; }

  /// `count` characters written by the model, beginning after the first ones of the corpus.
  std::string sample(const Corpus& corpus, std::size_t count, Random& random) {
    std::vector<std::uint8_t> tokens(corpus.tokens.begin(), corpus.tokens.begin() + kContext);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      forward(std::span(tokens).last(kContext));
      float left = random.uniform();
      std::size_t token = 0;
      while (token + 1 < logits_.size() && (left -= logits_[token]) > 0) ++token;
      tokens.push_back(static_cast<std::uint8_t>(token));
      text.push_back(corpus.characters[token]);
    }
    return text;
  }

 private:
  [[nodiscard]] std::span<const float> weights(std::size_t at, std::size_t count) const {
    return model_.weights().subspan(at, count);
  }
  std::span<float> gradient(std::size_t at, std::size_t count) {
    return std::span(gradient_).subspan(at, count);
  }

  // Leaves the probabilities of the next character in logits_.
  void forward(std::span<const std::uint8_t> context) {
    for (std::size_t k = 0; k < kContext; ++k) {
      const auto row = weights(context[k] * kEmbedding, kEmbedding);
      std::copy(row.begin(), row.end(),
                inputs_.begin() + static_cast<std::ptrdiff_t>(k * kEmbedding));
    }
    const auto bias = weights(layout_.hidden_bias, kHidden);
    std::copy(bias.begin(), bias.end(), hidden_.begin());
    for (std::size_t i = 0; i < kInputs; ++i) {
      add_scaled(inputs_[i], weights(layout_.hidden + i * kHidden, kHidden), hidden_);
    }
    for (float& h : hidden_) h = std::tanh(h);
    const auto output_bias = weights(layout_.output_bias, layout_.vocabulary);
    std::copy(output_bias.begin(), output_bias.end(), logits_.begin());
    for (std::size_t j = 0; j < kHidden; ++j) {
      add_scaled(hidden_[j], weights(output_row(j), layout_.vocabulary), logits_);
    }
    const float highest = *std::max_element(logits_.begin(), logits_.end());
    float total = 0;
    for (float& logit : logits_) total += (logit = std::exp(logit - highest));
    for (float& logit : logits_) logit /= total;
  }

  void backward(std::span<const std::uint8_t> context, std::uint8_t next) {
    auto error = std::span(logits_);  // softmax with cross-entropy: probability − truth
    error[next] -= 1;
    add_scaled(1, error, gradient(layout_.output_bias, layout_.vocabulary));
    for (std::size_t j = 0; j < kHidden; ++j) {
      add_scaled(hidden_[j], error, gradient(output_row(j), layout_.vocabulary));
      const float slope = 1 - hidden_[j] * hidden_[j];
      hidden_error_[j] = slope * dot(weights(output_row(j), layout_.vocabulary), error);
    }
    add_scaled(1, hidden_error_, gradient(layout_.hidden_bias, kHidden));
    for (std::size_t i = 0; i < kInputs; ++i) {
      const std::size_t row = layout_.hidden + i * kHidden;
      add_scaled(inputs_[i], hidden_error_, gradient(row, kHidden));
      gradient_[context[i / kEmbedding] * kEmbedding + i % kEmbedding] +=
          dot(weights(row, kHidden), hidden_error_);
    }
  }

  [[nodiscard]] std::size_t output_row(std::size_t j) const {
    return layout_.output + j * layout_.vocabulary;
  }

  const Model& model_;
  const Layout layout_;
  std::vector<float> gradient_;
  std::array<float, kInputs> inputs_{};
  std::array<float, kHidden> hidden_{};
  std::array<float, kHidden> hidden_error_{};
  std::vector<float> logits_;
};
