#include "phantom/phantom.h"

#include <algorithm>
#include <cctype>
#include <memory>

#include "phantom/contact_sheet.h"
#include "phantom/plan.h"
#include "phantom/study_output.h"

namespace ctclip::phantom {
namespace {

using Json = nlohmann::ordered_json;

StudyHeader facts_of(const PhantomOptions& options, const Plan& plan, const Json& truth) {
  StudyHeader facts;
  facts.seed = options.seed;
  facts.identity = truth.dump();
  facts.body_part = options.part == Part::chest  ? "CHEST"
                    : options.part == Part::head ? "HEAD"
                                                 : "ABDOMEN";
  facts.female = plan.female;
  facts.age = plan.age;
  facts.acquisition = plan.acquisition;
  facts.style = scanner_style(options.seed);
  facts.syntax = transfer_syntax(options.transfer_syntax);
  return facts;
}

Json describe_series(const SeriesWriter& writer, Kernel kernel, const Acquisition& scan) {
  return {{"uid", writer.uid()},
          {"folder", writer.folder()},
          {"kernel", name_of(kernel)},
          {"convolution_kernel", writer.kernel_name()},
          {"columns", scan.matrix},
          {"rows", scan.matrix},
          {"slices", scan.slices()},
          {"origin", {scan.corner(), scan.corner(), scan.z_of(0)}},
          {"spacing", {scan.spacing(), scan.spacing(), scan.increment}}};
}

/// A study on its way from the plan to files.
class Study {
 public:
  Study(const PhantomOptions& options, const Plan& plan)
      : options_(options),
        plan_(plan),
        truth_(describe(options, plan)),
        facts_(facts_of(options, plan, truth_)) {
    for (const Kernel kernel : options.kernels) {
      const auto number = static_cast<int64_t>(writers_.size()) + 2;  // 1 is the localizer
      writers_.push_back(std::make_unique<SeriesWriter>(facts_, kernel, number));
    }
  }

  void write(StudyOutput& output, ThreadPool& pool, Watch& watch) {
    std::unique_ptr<ContactSheet> sheet;
    if (!options_.sheet.empty()) sheet = std::make_unique<ContactSheet>(plan_.acquisition);
    const Projection projection =
        scan(plan_.scene, plan_.acquisition, series(output, sheet.get()), pool, watch);
    if (options_.localizer) {
      output.add(plan_.acquisition.slices() * std::ssize(writers_), std::string(kLocalizerFile),
                 encode_localizer(facts_, projection));
    }
    if (sheet) sheet->write(options_.sheet, title(), subtitle());
    output.finish(truth().dump(2) + "\n");
  }

 private:
  std::vector<SeriesSpec> series(StudyOutput& output, ContactSheet* sheet) const {
    const int64_t count = std::ssize(writers_);
    std::vector<SeriesSpec> series;
    for (int64_t i = 0; i < count; ++i) {
      const Kernel kernel = options_.kernels[static_cast<std::size_t>(i)];
      const SeriesWriter* writer = writers_[static_cast<std::size_t>(i)].get();
      series.push_back({kernel, [=, &output](int64_t slice, std::span<const int16_t> hu) {
                          output.add(slice * count + i, writer->file(slice),
                                     writer->encode(slice, hu));
                          if (sheet != nullptr) sheet->add(kernel, slice, hu);
                        }});
    }
    return series;
  }

  Json truth() const {
    Json truth = truth_;
    truth["study_uid"] = facts_.study_uid();
    truth["acquisition"]["transfer_syntax"] = options_.transfer_syntax;
    truth["series"] = Json::array();
    for (std::size_t i = 0; i < writers_.size(); ++i) {
      truth["series"].push_back(
          describe_series(*writers_[i], options_.kernels[i], plan_.acquisition));
    }
    return truth;
  }

  std::string title() const {
    return "Seed " + std::to_string(options_.seed) + ": " + std::string(kSynthetic);
  }

  std::string subtitle() const {
    std::string text;
    for (const Finding& finding : plan_.findings) {
      text += (text.empty() ? "" : ", ") + finding.name;
      if (finding.side != Side::none) text += " (" + std::string(name_of(finding.side)) + ")";
    }
    return text.empty() ? "no finding" : text;
  }

  const PhantomOptions& options_;
  const Plan& plan_;
  Json truth_;
  StudyHeader facts_;
  std::vector<std::unique_ptr<SeriesWriter>> writers_;
};

}  // namespace

void write_phantom(const std::filesystem::path& out, const PhantomOptions& options,
                   ThreadPool& pool, Watch& watch) {
  const Plan plan = make_plan(options);
  Study study(options, plan);
  const std::unique_ptr<StudyOutput> output = StudyOutput::open(out);
  study.write(*output, pool, watch);
}

}  // namespace ctclip::phantom
