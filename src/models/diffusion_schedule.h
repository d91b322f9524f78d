#pragma once

#include <cstdint>
#include <vector>

#include "base/tensor.h"

namespace ctclip::models {

/// Linear noise schedule of 1,000 steps (Ho et al., arXiv:2006.11239) and the deterministic steps
/// of DDIM with eta = 0 (Song et al., arXiv:2010.02502). Tables in float64, rounded to float32
/// where they are used, as the reference does.
class DiffusionSchedule {
 public:
  DiffusionSchedule();

  int64_t steps() const { return static_cast<int64_t>(betas.size()); }

  /// What one step from t needs, in float32.
  struct Coefficients {
    float recip;    ///< R = sqrt(1 / (alpha_bar + 1e-8))
    float recipm1;  ///< M = sqrt(1 / (alpha_bar + 1e-8) - 1)
    float alpha_bar, alpha_bar_previous, alpha_bar_next;
  };
  Coefficients at(int64_t t) const;

  std::vector<double> betas, alphas_cumprod, alphas_cumprod_previous, alphas_cumprod_next,
      sqrt_recip_alphas_cumprod, sqrt_recipm1_alphas_cumprod, posterior_log_variance_clipped,
      posterior_mean_coef1, posterior_mean_coef2;
};

/// trunc(linspace(0, level - 1, count)) without its last: the time steps of an encoding.
std::vector<int64_t> encoding_steps(int64_t level, int64_t count);
/// trunc(linspace(level - 1, 0, count)) without its last: of a decoding.
std::vector<int64_t> decoding_steps(int64_t level, int64_t count);

/// The network's noise `eps` (in place) re-derived from x0 = clip(R x - M eps, -1, 1); x0 is
/// written. `count` pixels of one slice.
void predict(const DiffusionSchedule::Coefficients& c, const float* x, int64_t count, float* eps,
             float* x0);
/// x = sqrt(next) x0 + sqrt(1 - next) eps: one deterministic step towards noise.
void step_to_noise(const DiffusionSchedule::Coefficients& c, const float* eps, const float* x0,
                   int64_t count, float* x);
/// eps -= sqrt(1 - alpha_bar) gradient (already scaled); x0 = R x - M eps, not clipped; x =
/// sqrt(previous) x0 + sqrt(1 - previous) (R x - x0) / M: one guided step towards the image.
void guided_step_to_image(const DiffusionSchedule::Coefficients& c, const float* gradient,
                          int64_t count, float* eps, float* x0, float* x);

/// Mean and log variance of the posterior q(x_{t-1} | x_t, x0) with learned-range variance
/// (Nichol & Dhariwal, arXiv:2102.09672): `v` in [-1, 1] is the network's second channel. Without
/// effect on a deterministic reconstruction.
void posterior(const DiffusionSchedule& schedule, int64_t t, const float* x, const float* x0,
               const float* v, int64_t count, float* mean, float* log_variance);

}  // namespace ctclip::models
