#include "phantom/findings.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "checkpoint/layouts.h"
#include "detectors/ctclip.h"
#include "phantom/render.h"

namespace ctclip::phantom {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

/// A whole chest in 4 mm voxels.
Lattice coarse() { return {100, 75, 95, {-199, -149, -192}, {4, 4, 4}}; }

Point centre_of(const Lattice& lattice, size_t index) {
  const auto i = static_cast<int64_t>(index);
  const int64_t x = i % lattice.columns;
  const int64_t y = i / lattice.columns % lattice.rows;
  const int64_t z = i / (lattice.columns * lattice.rows);
  return lattice.origin +
         Point{static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)} *
             lattice.spacing.x;
}

bool contains(const Box& box, Point p) {
  return p.x >= box.low.x && p.x <= box.high.x && p.y >= box.low.y && p.y <= box.high.y &&
         p.z >= box.low.z && p.z <= box.high.z;
}

struct Study {
  std::vector<float> hu;
  std::vector<Finding> truth;
};

/// A healthy person, drawn once: that takes as long as all findings together.
const Anatomy& person(uint64_t seed) {
  static std::map<uint64_t, Anatomy> drawn;
  const auto found = drawn.find(seed);
  return found != drawn.end() ? found->second
                              : drawn.emplace(seed, draw_anatomy(Random(seed))).first->second;
}

Study study(uint64_t seed, const std::vector<FindingRequest>& requests) {
  Anatomy anatomy = person(seed);
  Planned planned = plan_findings(requests, anatomy, Random(seed).stream("findings"));
  const Scene scene = paint(anatomy, std::move(planned.layers));
  ThreadPool pool(2);
  Watch watch;
  return {render(scene, coarse(), pool, watch).hu, std::move(planned.truth)};
}

const std::vector<float>& healthy(uint64_t seed) {
  static std::map<uint64_t, std::vector<float>> made;
  auto& hu = made[seed];
  if (hu.empty()) hu = study(seed, {}).hu;
  return hu;
}

FindingRequest request(const FindingKind& kind, std::optional<Side> side,
                       std::optional<double> size) {
  FindingRequest r;
  r.name = kind.name;
  if (kind.sided) r.side = side;
  r.size = size;
  return r;
}

/// What a finding does to the image.
struct Change {
  double ml = 0;               ///< changed by more than 20 HU, ml
  double sum = 0;              ///< HU * ml
  int64_t outside = 0;         ///< changed voxels in no box
  Point where;                 ///< one of them
  double left = 0, right = 0;  ///< ml changed on either side
};

Change compare(const std::vector<float>& before, const Study& after) {
  std::vector<Box> boxes;
  // Half a voxel's diagonal, roughened surfaces, and the haze around some findings.
  for (const Box& box : after.truth.front().boxes) boxes.push_back(box.grown(12));
  const Lattice lattice = coarse();
  const double voxel = std::pow(lattice.spacing.x, 3) / 1000;
  Change change;
  for (size_t i = 0; i < before.size(); ++i) {
    const double difference = after.hu[i] - before[i];
    if (std::abs(difference) <= 20) continue;
    const Point at = centre_of(lattice, i);
    change.ml += voxel;
    change.sum += difference * voxel;
    (at.x > 0 ? change.left : change.right) += voxel;
    if (std::any_of(boxes.begin(), boxes.end(), [at](const Box& b) { return contains(b, at); }))
      continue;
    ++change.outside;
    change.where = at;
  }
  return change;
}

/// Those that take density away, and those that move or mix it.
const std::set<std::string_view> kDarker = {"emphysema", "pneumothorax", "subcutaneous_emphysema",
                                            "pneumomediastinum"};
const std::set<std::string_view> kEither = {
    "ribs_fracture", "scoliosis",         "osteo_fracture",    "bone_metastases",
    "hiatal_hernia", "aortic_dissection", "hydropneumothorax", "bronchiectasis",
    "tuberculosis",  "cavitation",        "fibrosis",          "mosaic"};

class EachFinding : public testing::TestWithParam<std::string_view> {
 protected:
  const FindingKind& kind() const { return finding_kind(GetParam()); }
  double middle() const { return 0.5 * (kind().size_low + kind().size_high); }
};

TEST_P(EachFinding, ChangesTheImageWhereItsBoxesAre) {
  for (const uint64_t seed : {101, 102}) {
    const Side side = seed % 2 == 0 ? Side::left : Side::right;
    const Study ill = study(seed, {request(kind(), side, middle())});
    const Change change = compare(healthy(seed), ill);
    ASSERT_FALSE(ill.truth.front().boxes.empty()) << "seed " << seed;
    EXPECT_GT(change.ml, 0.1) << "seed " << seed;
    EXPECT_EQ(change.outside, 0) << "seed " << seed << ", such as (" << change.where.x << ", "
                                 << change.where.y << ", " << change.where.z << ")";
    if (kDarker.count(GetParam()) != 0) {
      EXPECT_LT(change.sum, 0) << "seed " << seed;
    }
    if (kDarker.count(GetParam()) + kEither.count(GetParam()) == 0) {
      EXPECT_GT(change.sum, 0) << "seed " << seed;
    }
    if (!kind().sided) continue;
    EXPECT_GT(side == Side::left ? change.left : change.right,
              20 * (side == Side::left ? change.right : change.left))
        << "seed " << seed;
  }
}

TEST_P(EachFinding, IsAsLargeAsAskedFor) {
  for (const double size : {kind().size_low, kind().size_high}) {
    Anatomy anatomy = person(101);
    const Planned planned = plan_findings({request(kind(), Side::both, size)}, anatomy, Random(7));
    const Finding& found = planned.truth.front();
    EXPECT_EQ(found.name, GetParam());
    EXPECT_EQ(found.size, size);
    EXPECT_EQ(found.side, kind().sided ? Side::both : Side::none);
    for (const Box& box : found.boxes) {
      EXPECT_LE(box.low.x, box.high.x);
      EXPECT_LE(box.low.y, box.high.y);
      EXPECT_LE(box.low.z, box.high.z);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EachFinding, testing::ValuesIn([] {
                           std::vector<std::string_view> names;
                           for (const FindingKind& kind : finding_kinds())
                             names.push_back(kind.name);
                           return names;
                         }()),
                         [](const auto& tested) { return std::string(tested.param); });

TEST(FindingKinds, AreTheSupervisedTargetsInTheirOrderThenOthers) {
  const std::vector<std::string> targets = default_target_pathologies();
  ASSERT_GE(finding_kinds().size(), 30U);
  for (size_t i = 0; i < targets.size(); ++i) {
    EXPECT_EQ(finding_kinds()[i].name, targets[i]);
    EXPECT_EQ(finding_kinds()[i].supervised, targets[i]);
  }
  std::set<std::string_view> names;
  for (const FindingKind& kind : finding_kinds()) {
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
    EXPECT_LT(kind.size_low, kind.size_high);
    if (!kind.supervised.empty()) {
      EXPECT_THAT(targets, Contains(kind.supervised));
    }
    if (!kind.prompt.empty()) {
      EXPECT_THAT(reference_pathologies(), Contains(kind.prompt)) << kind.name;
    }
  }
}

TEST(Findings, AreTheSameForTheSameSeed) {
  const std::vector<FindingRequest> requests = {parse_finding("covid"), parse_finding("nodule"),
                                                parse_finding("pleural_effusion:side=left")};
  const Study first = study(101, requests);
  const Study second = study(101, requests);
  EXPECT_EQ(first.hu, second.hu);
  EXPECT_EQ(first.truth.front().size, second.truth.front().size);
}

TEST(Findings, AnAneurysmIsAsWideAsItSays) {
  Anatomy anatomy = person(101);
  plan_findings({parse_finding("pulmonary_trunk_pathology:size=44")}, anatomy, Random(3));
  const auto& radii = anatomy.pulmonary_trunk.radii;
  EXPECT_NEAR(*std::max_element(radii.begin(), radii.end()), 22, 0.1);
}

TEST(Findings, SayWhatElseIsThere) {
  Anatomy anatomy = person(101);
  const Planned planned =
      plan_findings({parse_finding("hydropneumothorax:side=right")}, anatomy, Random(4));
  ASSERT_EQ(planned.truth.size(), 2U);
  EXPECT_EQ(planned.truth[0].supervised, "pneumothorax");
  EXPECT_EQ(planned.truth[1].supervised, "pleural_effusion");
  EXPECT_EQ(planned.truth[1].side, Side::right);
}

TEST(Findings, ANoduleStaysOutOfAnEffusion) {
  for (uint64_t seed = 1; seed < 4; ++seed) {
    Anatomy anatomy = person(101);
    const Planned planned = plan_findings(
        {parse_finding("nodule:size=10"), parse_finding("pleural_effusion:side=both,size=60")},
        anatomy, Random(seed));
    ASSERT_EQ(planned.truth[0].name, "pleural_effusion");
    // The fluid is the only thing put in as fluid.
    for (const StagedLayer& staged : planned.layers) {
      if (staged.layer.material.tissue != Tissue::fluid) continue;
      for (const Box& nodule : planned.truth[1].boxes) {
        EXPECT_GT(staged.layer.solid.distance((nodule.low + nodule.high) * 0.5F), 0)
            << "seed " << seed;
      }
    }
  }
}

TEST(DrawFindings, GivesHalfOfThePatientsNoneAndEachKindItsShare) {
  constexpr int kPatients = 20000;
  std::map<std::string, int> counts;
  int healthy_patients = 0;
  int all = 0;
  for (int seed = 0; seed < kPatients; ++seed) {
    const auto drawn = draw_findings(Random(static_cast<uint64_t>(seed)));
    healthy_patients += drawn.empty() ? 1 : 0;
    all += static_cast<int>(drawn.size());
    EXPECT_LE(drawn.size(), 5U);
    for (const FindingRequest& r : drawn) ++counts[r.name];
  }
  EXPECT_NEAR(healthy_patients, 0.5 * kPatients, 0.02 * kPatients);
  ASSERT_EQ(counts.size(), finding_kinds().size());
  const double mean = static_cast<double>(all) / static_cast<double>(counts.size());
  for (const auto& [name, count] : counts) {
    EXPECT_GT(count, 0.65 * mean) << name;
    EXPECT_LT(count, 1.35 * mean) << name;
  }
}

TEST(DrawFindings, NeverDrawsWhatExcludesEachOther) {
  const auto has = [](const std::vector<FindingRequest>& all, std::string_view name, Side side) {
    return std::any_of(all.begin(), all.end(), [&](const FindingRequest& r) {
      return r.name == name && (!r.side || *r.side == side || *r.side == Side::both);
    });
  };
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    const auto drawn = draw_findings(Random(seed));
    std::set<std::string> names;
    for (const FindingRequest& r : drawn)
      EXPECT_TRUE(names.insert(r.name).second) << "twice " << r.name;
    for (const Side side : {Side::left, Side::right}) {
      EXPECT_FALSE(has(drawn, "pneumothorax", side) && has(drawn, "pleural_effusion", side));
      EXPECT_FALSE(has(drawn, "hydropneumothorax", side) && has(drawn, "hemothorax", side));
      EXPECT_FALSE(has(drawn, "pleural_effusion", side) && has(drawn, "atelectasis", side));
    }
    EXPECT_FALSE(names.count("emphysema") + names.count("airiness_decrease") > 1);
    EXPECT_FALSE(names.count("aorta_pathology") + names.count("aortic_dissection") > 1);
  }
}

TEST(ParseFinding, TakesANameWithSideAndSize) {
  const FindingRequest plain = parse_finding("nodule");
  EXPECT_EQ(plain.name, "nodule");
  EXPECT_FALSE(plain.side || plain.size);
  const FindingRequest full = parse_finding("pleural_effusion:side=left,size=30.5");
  EXPECT_EQ(full.name, "pleural_effusion");
  EXPECT_EQ(full.side, Side::left);
  EXPECT_EQ(full.size, 30.5);
  EXPECT_EQ(parse_finding("pleural_effusion:side=both").side, Side::both);
}

std::string refusal(std::string_view text) {
  try {
    parse_finding(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::usage);
    return error.what();
  }
  return "accepted";
}

TEST(ParseFinding, SaysWhatWasExpectedAndFound) {
  EXPECT_THAT(refusal("plague"), AllOf(HasSubstr("\"plague\""), HasSubstr("pleural_effusion")));
  EXPECT_THAT(refusal(""), HasSubstr("expected a finding"));
  EXPECT_THAT(refusal("pneumothorax:side=up"),
              AllOf(HasSubstr("left, right or both"), HasSubstr("up")));
  EXPECT_THAT(refusal("covid:side=left"), HasSubstr("no side"));
  EXPECT_THAT(refusal("nodule:size=big"), HasSubstr("size=big"));
  EXPECT_THAT(refusal("nodule:size=8mm"), HasSubstr("size=8mm"));
  EXPECT_THAT(refusal("nodule:size=nan"), HasSubstr("found nan"));
  EXPECT_THAT(refusal("nodule:size=500"), AllOf(HasSubstr("5 to 20"), HasSubstr("500")));
  EXPECT_THAT(refusal("nodule:colour=red"), HasSubstr("\"colour=red\""));
  EXPECT_THAT(refusal("nodule:"), HasSubstr("expected side=... or size=..."));
}

}  // namespace
}  // namespace ctclip::phantom
