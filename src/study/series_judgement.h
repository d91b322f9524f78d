#pragma once

#include <vector>

#include "study/series.h"

namespace ctclip {

/// What is to be thought of one series, `group` being all of its images: the slices that count, in
/// ascending order along their normal, and whether they make a candidate. `reason` is set only
/// where it is none. Never depends on the order of `group`, which must not be empty.
Series judge_series(const Contents& contents, const Limits& limits,
                    const std::vector<std::size_t>& group);

}  // namespace ctclip
