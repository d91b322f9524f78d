#include "batch/retry.h"

#include <algorithm>
#include <random>

namespace ctclip::batch {

std::chrono::milliseconds wait_after(int tries, std::optional<std::chrono::seconds> told,
                                     const RetryPolicy& policy, double chance) {
  using std::chrono::milliseconds;
  const auto share = [chance](milliseconds whole) {
    return milliseconds(static_cast<int64_t>(static_cast<double>(whole.count()) * chance));
  };
  if (told) return std::min(*told, policy.longest_told) + share(milliseconds(1'000));
  constexpr int kMostDoublings = 20;  // more would not fit
  const milliseconds doubled = policy.first * (1 << std::min(tries - 1, kMostDoublings));
  const milliseconds half = std::min(doubled, policy.longest) / 2;
  return half + share(half);
}

std::chrono::milliseconds patience_left(int tries, const RetryPolicy& policy) {
  std::chrono::milliseconds left{0};
  for (int next = tries; next <= policy.retries; ++next) left += wait_after(next, {}, policy, 1);
  return left;
}

Asked ask_patiently(Backend& backend, const Question& question, int64_t number,
                    const RetryPolicy& policy, const Wait& wait, const std::stop_token& stop,
                    const Told& told) {
  std::minstd_rand random(static_cast<uint32_t>(number));
  std::uniform_real_distribution<double> chance(0, 1);
  for (Asked asked;;) {
    asked.reply = backend.ask(question, stop);
    ++asked.tries;
    const bool passing =
        asked.reply.kind == Reply::Kind::again || asked.reply.kind == Reply::Kind::unreachable;
    if (!passing || asked.tries > policy.retries) return asked;
    if (told) told(asked.reply, patience_left(asked.tries, policy));
    if (!wait(wait_after(asked.tries, asked.reply.retry_after, policy, chance(random)))) {
      asked.reply = {Reply::Kind::abandoned, {}, {}, {}, {}};
      return asked;
    }
  }
}

}  // namespace ctclip::batch
