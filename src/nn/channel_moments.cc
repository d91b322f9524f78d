#include "nn/channel_moments.h"

#include <algorithm>

#include "nn/image_kernels.h"

namespace ctclip::nn {

void ChannelMoments::add(const float* x, int64_t positions) {
  if (about_.empty()) about_.assign(x, x + sums_.size());
  add_moments(x, positions, static_cast<int64_t>(sums_.size()), about_.data(), sums_.data(),
              squares_.data());
  count_ += positions;
}

double ChannelMoments::mean(int64_t channel) const {
  const std::size_t c = size(channel);
  return offset(c) + static_cast<double>(about_[c]);
}

double ChannelMoments::variance(int64_t channel) const {
  const std::size_t c = size(channel);
  return std::max(squares_[c] / static_cast<double>(count_) - offset(c) * offset(c), 0.0);
}

}  // namespace ctclip::nn
