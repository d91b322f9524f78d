#include "phantom/findings.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/names.h"
#include "phantom/recipes.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(Code::usage, message); }

Side parse_side(const FindingKind& kind, std::string_view text) {
  if (!kind.sided) {
    refuse(fmt::format("finding {}: expected no side, found side={}", kind.name, text));
  }
  if (text == "left") return Side::left;
  if (text == "right") return Side::right;
  if (text == "both") return Side::both;
  refuse(
      fmt::format("finding {}: expected side=left, right or both, found side={}", kind.name, text));
}

void check_size(const FindingKind& kind, double size) {
  if (size >= kind.size_low && size <= kind.size_high) return;
  refuse(fmt::format("finding {}: expected a size of {} to {} ({}), found {}", kind.name,
                     kind.size_low, kind.size_high, kind.size_is, size));
}

double parse_size(const FindingKind& kind, std::string_view text) {
  double size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) {
    refuse(fmt::format("finding {}: expected size=NUMBER, found size={}", kind.name, text));
  }
  check_size(kind, size);
  return size;
}

void parse_option(FindingRequest& request, const FindingKind& kind, std::string_view option) {
  const size_t equals = option.find('=');
  const std::string_view key = option.substr(0, equals);
  const std::string_view value = equals == option.npos ? "" : option.substr(equals + 1);
  if (key == "side") {
    request.side = parse_side(kind, value);
  } else if (key == "size") {
    request.size = parse_size(kind, value);
  } else {
    refuse(
        fmt::format("finding {}: expected side=... or size=..., found \"{}\"", kind.name, option));
  }
}

/// Over the whole range, the barely visible end seldom: what is drawn should mostly be seen.
double draw_size(const FindingKind& kind, Random& random) {
  const double part = random.chance(0.15) ? random.uniform(0, 0.25) : random.uniform(0.25, 1);
  return kind.size_low + part * (kind.size_high - kind.size_low);
}

Finding resolved(const FindingRequest& request, const FindingKind& kind, Random& random) {
  // Both are drawn whatever is given, so that giving one leaves all else as it is.
  const Side side = draw_side(kind, random);
  const double size = draw_size(kind, random);
  Finding finding = {std::string(kind.name),      std::string(kind.supervised),
                     std::string(kind.prompt),    request.side.value_or(side),
                     request.size.value_or(size), {}};
  if (request.side && !kind.sided && *request.side != Side::none) {
    refuse(fmt::format("finding {}: it has no side", kind.name));
  }
  check_size(kind, finding.size);
  return finding;
}

}  // namespace

Side draw_side(const FindingKind& kind, Random& random) {
  if (!kind.sided) return Side::none;
  if (random.chance(0.12)) return Side::both;
  return random.chance(0.5) ? Side::left : Side::right;
}

const std::vector<FindingKind>& finding_kinds() {
  static const std::vector<FindingKind> kinds = [] {
    std::vector<FindingKind> all;
    for (const Recipe& r : recipes()) all.push_back(r.kind);
    return all;
  }();
  return kinds;
}

const FindingKind& finding_kind(std::string_view name) { return recipe(name).kind; }

const Recipe& recipe(std::string_view name) {
  const auto& all = recipes();
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const Recipe& r : all) names.emplace_back(r.kind.name);
  if (const auto known = find_name(name, names)) {
    return *std::ranges::find_if(all, [&](const Recipe& r) { return r.kind.name == *known; });
  }
  const std::string suggestion = did_you_mean(name, names);
  refuse(fmt::format(
      "expected a finding, found \"{}\"{}", name,
      suggestion.empty() ? fmt::format("; findings are {}", fmt::join(names, ", ")) : suggestion));
}

FindingRequest parse_finding(std::string_view text) {
  const size_t colon = text.find(':');
  FindingRequest request;
  const FindingKind& kind = finding_kind(text.substr(0, colon));
  request.name = kind.name;
  if (colon == text.npos) return request;
  std::string_view rest = text.substr(colon + 1);
  for (;;) {
    const size_t comma = rest.find(',');
    parse_option(request, kind, rest.substr(0, comma));
    if (comma == rest.npos) return request;
    rest.remove_prefix(comma + 1);
  }
}

Planned plan_findings(const std::vector<FindingRequest>& requests, Anatomy& anatomy,
                      const Random& random) {
  struct Step {
    const Recipe* recipe;
    const FindingRequest* request;
    uint64_t number;  // of this kind
  };
  std::vector<Step> steps;
  steps.reserve(requests.size());
  std::map<std::string, uint64_t> seen;
  for (const FindingRequest& r : requests) steps.push_back({&recipe(r.name), &r, seen[r.name]++});
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.recipe->turn < b.recipe->turn; });
  Planned planned;
  Workbench bench(anatomy, planned);
  for (const Step& step : steps) {
    Random own = random.stream(step.request->name, step.number);
    bench.start(resolved(*step.request, step.recipe->kind, own), own);
    step.recipe->make(bench);
    bench.finish();
  }
  return planned;
}

}  // namespace ctclip::phantom
