#pragma once

#include <cstdint>
#include <functional>

#include "detectors/scores.h"
#include "models/diffusion_schedule.h"
#include "models/diffusion_unet.h"
#include "models/encoder_unet.h"

namespace ctclip {

/// Guided reconstruction of one slice: deterministic DDIM inversion towards noise, then DDIM back
/// with the gradient of the classifier's log p(healthy) as guidance (Wolleb et al.,
/// arXiv:2203.04306). As in the reference, a step moves from t to t + 1 (or t - 1) only, although
/// consecutive time steps lie far apart. Computes on the calling thread.
class SliceReconstructor {
 public:
  /// What each step leaves behind, (S, S) each; `gradient` is scaled, null while encoding.
  struct Step {
    bool encoding;
    int64_t number;
    const float *x, *x0, *gradient;
  };
  using Listener = std::function<void(const Step&)>;

  /// Both networks must outlive it.
  SliceReconstructor(const models::DiffusionUnet& denoise, const models::EncoderUnet& classify)
      : denoise_(denoise), classify_(classify) {}

  /// Evaluations of the denoiser for one slice.
  static int64_t evaluations(const ReconstructionSettings& settings) {
    return 2 * (settings.steps - 1);
  }

  /// x (S, S) becomes its reconstruction. `listen` hears of every step; it may be empty.
  void operator()(float* x, const ReconstructionSettings& settings, const models::Pass& pass,
                  const Listener& listen) const;

 private:
  struct Buffers;
  void encode(float* x, int64_t t, Buffers& buffers, const models::Pass& pass) const;
  void decode(float* x, int64_t t, float scale, Buffers& buffers, const models::Pass& pass) const;
  void denoise(const float* x, int64_t t, Buffers& buffers, const models::Pass& pass) const;

  const models::DiffusionUnet& denoise_;
  const models::EncoderUnet& classify_;
  models::DiffusionSchedule schedule_;
};

}  // namespace ctclip
