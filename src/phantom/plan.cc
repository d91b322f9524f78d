#include "phantom/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "phantom/dicom_file.h"
#include "phantom/other_parts.h"
#include "phantom/pacemaker.h"

namespace ctclip::phantom {
namespace {

using Json = nlohmann::ordered_json;

struct Range {
  std::string_view name;
  double low, high;
};
constexpr Range kThickness = {"thickness", 0.5, 10}, kIncrement = {"increment", 0.25, 20},
                kFieldOfView = {"field of view", 150, 700}, kDose = {"dose", 0.02, 20},
                kMatrix = {"matrix", 64, 1024};

void require_in(const Range& range, std::optional<double> value) {
  if (!value || (*value >= range.low && *value <= range.high)) return;
  throw Error(Code::usage, fmt::format("The {} of a phantom is {} to {}, not {}.", range.name,
                                       range.low, range.high, *value));
}

void require_possible(const PhantomOptions& options) {
  require_in(kThickness, options.thickness);
  require_in(kIncrement, options.increment);
  require_in(kFieldOfView, options.field_of_view);
  require_in(kDose, options.dose);
  require_in(kMatrix, static_cast<double>(options.matrix));
  transfer_syntax(options.transfer_syntax);
  if (options.kernels.empty()) throw Error(Code::usage, "A study needs a kernel.");
  if (options.part == Part::chest) return;
  if (options.random_findings || !options.findings.empty() || options.metal) {
    throw Error(Code::usage, "Findings and pacemakers are those of a chest, not of another part.");
  }
}

/// To so many parts of 1: 10 for a decimal.
double rounded(double value, double parts) { return std::round(value * parts) / parts; }

/// What a scanner is set to. Draws everything, given or not, so that one option moves no other.
void set_scanner(const PhantomOptions& options, float half_width, Acquisition& scan) {
  constexpr std::array kThicknesses = {1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0};
  Random random = Random(options.seed).stream("acquisition");
  const auto drawn =
      kThicknesses[static_cast<std::size_t>(random.integer(0, std::ssize(kThicknesses) - 1))];
  const bool overlaps = random.chance(0.25);
  const double room = random.uniform(1.02, 1.14);
  const double dose = std::exp(random.uniform(std::log(0.35), std::log(1.6)));
  scan.thickness = options.thickness.value_or(drawn);
  const bool is_given = options.thickness.has_value();
  scan.increment =
      options.increment.value_or(overlaps && !is_given ? rounded(0.8 * drawn, 10) : scan.thickness);
  scan.field_of_view =
      options.field_of_view.value_or(std::clamp(std::round(2 * half_width * room), 220.0, 500.0));
  scan.dose = options.dose.value_or(rounded(dose, 100));
  scan.matrix = options.matrix;
  scan.motion = options.motion;
  scan.circular = scanner_style(options.seed).circular;
  scan.seed = Random(options.seed).stream("noise").bits();
}

std::vector<FindingRequest> requests(const PhantomOptions& options, const Random& random) {
  std::vector<FindingRequest> all = options.findings;
  if (!options.random_findings) return all;
  for (FindingRequest& drawn : draw_findings(random.stream("patient"))) {
    const bool is_given = std::any_of(options.findings.begin(), options.findings.end(),
                                      [&](const auto& given) { return given.name == drawn.name; });
    if (!is_given) all.push_back(std::move(drawn));
  }
  return all;
}

void plan_chest(const PhantomOptions& options, Plan& plan) {
  const Random random(options.seed);
  Anatomy anatomy = draw_anatomy(random.stream("anatomy"));
  anatomy.arms_up = options.arms_up.value_or(anatomy.arms_up);
  Planned planned = plan_findings(requests(options, random), anatomy, random.stream("findings"));
  plan.scene = paint(anatomy, std::move(planned.layers));
  if (options.metal) add_pacemaker(anatomy, plan.scene);
  plan.findings = std::move(planned.truth);
  plan.female = anatomy.female;
  plan.arms_up = anatomy.arms_up;
  // Trabecular bone loses about 2 HU a year.
  plan.age = std::clamp<int64_t>(std::llround(150 - 0.45 * anatomy.bone_hu), 25, 90);
  plan.acquisition.bottom = rounded(anatomy.bottom, 10);
  plan.acquisition.top = rounded(anatomy.top, 10);
  set_scanner(options, anatomy.body_half_width, plan.acquisition);
}

void plan_other(const PhantomOptions& options, Plan& plan) {
  const Random random(options.seed);
  OtherPart part = options.part == Part::head ? draw_head(random) : draw_abdomen(random);
  plan.scene = std::move(part.scene);
  Random patient = random.stream("patient");
  plan.female = patient.chance(0.5);
  plan.age = patient.integer(25, 90);
  plan.acquisition.bottom = part.bottom;
  plan.acquisition.top = part.top;
  set_scanner(options, part.half_width, plan.acquisition);
}

Json triple(const Point& point) {
  return {rounded(point.x, 100), rounded(point.y, 100), rounded(point.z, 100)};
}

/// The nearest voxel that there is, (column, row, slice).
Json voxel(const Acquisition& scan, const Point& point) {
  const auto index = [](double at, double first, double spacing, int64_t size) {
    return std::clamp<int64_t>(std::llround((at - first) / spacing), 0, size - 1);
  };
  return {index(point.x, scan.corner(), scan.spacing(), scan.matrix),
          index(point.y, scan.corner(), scan.spacing(), scan.matrix),
          index(point.z, scan.z_of(0), scan.increment, scan.slices())};
}

Json describe_finding(const Acquisition& scan, const Finding& finding) {
  Json boxes = Json::array();
  for (const Box& box : finding.boxes) {
    boxes.push_back({{"low", triple(box.low)},
                     {"high", triple(box.high)},
                     {"voxels", {{"low", voxel(scan, box.low)}, {"high", voxel(scan, box.high)}}}});
  }
  return {{"name", finding.name},     {"supervised", finding.supervised},
          {"prompt", finding.prompt}, {"side", name_of(finding.side)},
          {"size", finding.size},     {"boxes", std::move(boxes)}};
}

Json describe_scan(const PhantomOptions& options, const Acquisition& scan) {
  Json kernels = Json::array();
  for (const Kernel kernel : options.kernels) kernels.push_back(name_of(kernel));
  return {{"thickness", scan.thickness},
          {"increment", scan.increment},
          {"field_of_view", scan.field_of_view},
          {"matrix", scan.matrix},
          {"dose", scan.dose},
          {"kernels", std::move(kernels)},
          {"motion", options.motion},
          {"metal", options.metal}};
}

}  // namespace

Plan make_plan(const PhantomOptions& options) {
  require_possible(options);
  Plan plan;
  options.part == Part::chest ? plan_chest(options, plan) : plan_other(options, plan);
  return plan;
}

Json describe(const PhantomOptions& options, const Plan& plan) {
  Json truth = {{"synthetic", true},
                {"comment", kSynthetic},
                {"seed", options.seed},
                {"part", name_of(options.part)},
                {"pathology", plan.findings.empty() ? 0 : 1},
                {"patient", {{"sex", plan.female ? "F" : "M"}, {"age", plan.age}}},
                {"acquisition", describe_scan(options, plan.acquisition)},
                {"findings", Json::array()}};
  truth["acquisition"]["arms_up"] = plan.arms_up;
  for (const Finding& finding : plan.findings) {
    truth["findings"].push_back(describe_finding(plan.acquisition, finding));
  }
  return truth;
}

std::string_view name_of(Part part) {
  constexpr std::array<std::string_view, 3> kNames = {"chest", "head", "abdomen"};
  return kNames.at(static_cast<std::size_t>(part));
}

std::string_view name_of(Kernel kernel) { return kernel == Kernel::soft ? "soft" : "lung"; }

std::string_view name_of(Side side) {
  constexpr std::array<std::string_view, 4> kNames = {"none", "left", "right", "both"};
  return kNames.at(static_cast<std::size_t>(side));
}

}  // namespace ctclip::phantom
