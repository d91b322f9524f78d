#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ctclip::nn {

/// Mean and population variance of every channel of an image that comes piece by piece, as it
/// leaves a convolution. Sums are taken about the first value of each channel, so that no digits
/// cancel where its deviation is small beside its mean.
class ChannelMoments {
 public:
  explicit ChannelMoments(int64_t channels) : sums_(size(channels)), squares_(size(channels)) {}

  /// x (positions, channels); channels a multiple of 16.
  void add(const float* x, int64_t positions);
  double mean(int64_t channel) const;
  double variance(int64_t channel) const;

 private:
  static std::size_t size(int64_t channels) { return static_cast<std::size_t>(channels); }
  double offset(std::size_t channel) const { return sums_[channel] / static_cast<double>(count_); }

  std::vector<float> about_;
  std::vector<double> sums_, squares_;
  int64_t count_ = 0;
};

}  // namespace ctclip::nn
