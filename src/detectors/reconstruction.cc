#include "detectors/reconstruction.h"

#include <algorithm>

namespace ctclip {
namespace {

constexpr int64_t kHealthy = 0;  // class of both networks

}  // namespace

struct SliceReconstructor::Buffers {
  Buffers(int64_t pixels, nn::Workspace& work)
      : pixels(pixels),
        eps(work.borrow(pixels)),
        x0(work.borrow(pixels)),
        gradient(work.borrow(pixels)) {}
  int64_t pixels;
  nn::Workspace::Lease eps, x0, gradient;
};

void SliceReconstructor::denoise(const float* x, int64_t t, Buffers& buffers,
                                 const models::Pass& pass) const {
  const Tensor prediction = denoise_(x, t, kHealthy, pass);  // (2, S, S): noise, variance
  std::copy_n(prediction.data(), buffers.pixels, buffers.eps.data());
  models::predict(schedule_.at(t), x, buffers.pixels, buffers.eps.data(), buffers.x0.data());
}

void SliceReconstructor::encode(float* x, int64_t t, Buffers& buffers,
                                const models::Pass& pass) const {
  denoise(x, t, buffers, pass);
  models::step_to_noise(schedule_.at(t), buffers.eps.data(), buffers.x0.data(), buffers.pixels, x);
}

void SliceReconstructor::decode(float* x, int64_t t, float scale, Buffers& buffers,
                                const models::Pass& pass) const {
  denoise(x, t, buffers, pass);
  float* gradient = buffers.gradient.data();
  if (scale != 0) {
    classify_.gradient(x, t, kHealthy, gradient, pass);
    for (int64_t i = 0; i < buffers.pixels; ++i) gradient[i] *= scale;
  } else {
    std::fill_n(gradient, buffers.pixels, 0.0F);
  }
  models::guided_step_to_image(schedule_.at(t), gradient, buffers.pixels, buffers.eps.data(),
                               buffers.x0.data(), x);
}

void SliceReconstructor::operator()(float* x, const ReconstructionSettings& settings,
                                    const models::Pass& pass, const Listener& listen) const {
  Buffers buffers(denoise_.image_size() * denoise_.image_size(), pass.work);
  const auto tell = [&](bool encoding, int64_t number) {
    if (!listen) return;
    listen({encoding, number, x, buffers.x0.data(), encoding ? nullptr : buffers.gradient.data()});
  };
  int64_t number = 0;
  for (const int64_t t : models::encoding_steps(settings.noise_level, settings.steps)) {
    encode(x, t, buffers, pass);
    tell(true, number++);
  }
  number = 0;
  for (const int64_t t : models::decoding_steps(settings.noise_level, settings.steps)) {
    decode(x, t, static_cast<float>(settings.scale), buffers, pass);
    tell(false, number++);
  }
}

}  // namespace ctclip
