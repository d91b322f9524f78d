#include "models/diffusion_schedule.h"

#include <algorithm>
#include <cmath>

namespace ctclip::models {
namespace {

constexpr int64_t kSteps = 1000;
constexpr double kFirstBeta = 1e-4;
constexpr double kLastBeta = 2e-2;
constexpr double kTiny = 1e-8;  // the reference's guard against division by zero

// numpy.linspace in double.
double between(double first, double last, int64_t i, int64_t count) {
  if (i == count - 1) return last;
  return first + static_cast<double>(i) * ((last - first) / static_cast<double>(count - 1));
}

std::vector<int64_t> truncated_steps(int64_t first, int64_t last, int64_t count) {
  std::vector<int64_t> steps;
  for (int64_t i = 0; i + 1 < count; ++i) {
    steps.push_back(static_cast<int64_t>(
        between(static_cast<double>(first), static_cast<double>(last), i, count)));
  }
  return steps;
}

float at_float(const std::vector<double>& table, int64_t t) {
  return static_cast<float>(table[static_cast<std::size_t>(t)]);
}

}  // namespace

DiffusionSchedule::DiffusionSchedule() {
  double product = 1;
  for (int64_t i = 0; i < kSteps; ++i) {
    const double beta = between(kFirstBeta, kLastBeta, i, kSteps);
    const double previous = product;
    product *= 1 - beta;
    betas.push_back(beta);
    alphas_cumprod.push_back(product);
    alphas_cumprod_previous.push_back(previous);
    sqrt_recip_alphas_cumprod.push_back(std::sqrt(1 / (product + kTiny)));
    sqrt_recipm1_alphas_cumprod.push_back(std::sqrt(1 / (product + kTiny) - 1));
    posterior_mean_coef1.push_back(beta * std::sqrt(previous) / (1 - product));
    posterior_mean_coef2.push_back((1 - previous) * std::sqrt(1 - beta) / (1 - product));
    posterior_log_variance_clipped.push_back(std::log(beta * (1 - previous) / (1 - product)));
  }
  posterior_log_variance_clipped[0] = posterior_log_variance_clipped[1];  // ln 0 otherwise
  alphas_cumprod_next.assign(alphas_cumprod.begin() + 1, alphas_cumprod.end());
  alphas_cumprod_next.push_back(0);
}

DiffusionSchedule::Coefficients DiffusionSchedule::at(int64_t t) const {
  return {at_float(sqrt_recip_alphas_cumprod, t), at_float(sqrt_recipm1_alphas_cumprod, t),
          at_float(alphas_cumprod, t), at_float(alphas_cumprod_previous, t),
          at_float(alphas_cumprod_next, t)};
}

std::vector<int64_t> encoding_steps(int64_t level, int64_t count) {
  return truncated_steps(0, level - 1, count);
}

std::vector<int64_t> decoding_steps(int64_t level, int64_t count) {
  return truncated_steps(level - 1, 0, count);
}

void predict(const DiffusionSchedule::Coefficients& c, const float* x, int64_t count, float* eps,
             float* x0) {
  for (int64_t i = 0; i < count; ++i) {
    x0[i] = std::clamp(c.recip * x[i] - c.recipm1 * eps[i], -1.0F, 1.0F);
    eps[i] = (c.recip * x[i] - x0[i]) / c.recipm1;
  }
}

void step_to_noise(const DiffusionSchedule::Coefficients& c, const float* eps, const float* x0,
                   int64_t count, float* x) {
  const float image = std::sqrt(c.alpha_bar_next);
  const float noise = std::sqrt(1 - c.alpha_bar_next);
  for (int64_t i = 0; i < count; ++i) x[i] = image * x0[i] + noise * eps[i];
}

void guided_step_to_image(const DiffusionSchedule::Coefficients& c, const float* gradient,
                          int64_t count, float* eps, float* x0, float* x) {
  const float guidance = std::sqrt(1 - c.alpha_bar);
  const float image = std::sqrt(c.alpha_bar_previous);
  const float noise = std::sqrt(1 - c.alpha_bar_previous);
  for (int64_t i = 0; i < count; ++i) {
    eps[i] -= guidance * gradient[i];
    x0[i] = c.recip * x[i] - c.recipm1 * eps[i];
    x[i] = image * x0[i] + noise * ((c.recip * x[i] - x0[i]) / c.recipm1);
  }
}

void posterior(const DiffusionSchedule& schedule, int64_t t, const float* x, const float* x0,
               const float* v, int64_t count, float* mean, float* log_variance) {
  const float a = at_float(schedule.posterior_mean_coef1, t);
  const float b = at_float(schedule.posterior_mean_coef2, t);
  const auto largest = static_cast<float>(std::log(schedule.betas[static_cast<std::size_t>(t)]));
  const float smallest = at_float(schedule.posterior_log_variance_clipped, t);
  for (int64_t i = 0; i < count; ++i) {
    mean[i] = a * x0[i] + b * x[i];
    const float part = (v[i] + 1) / 2;
    log_variance[i] = part * largest + (1 - part) * smallest;
  }
}

}  // namespace ctclip::models
