#include "study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <system_error>

#include "study/nifti.h"
#include "study/source.h"

namespace ctclip {
namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::string name_of(Format format) {
  switch (format) {
    case Format::zip:
      return "zip";
    case Format::nifti:
    case Format::nifti_gz:
      return "nifti";
    default:
      return "dicom";
  }
}

/// Before a series is chosen the study has a name only if it is the only one, or was asked for.
void name_study(const std::string& asked_for, StudyFacts& facts) {
  const auto& slices = facts.contents.slices;
  if (slices.empty()) return;
  const std::string& name = asked_for.empty() ? slices.front().study_uid : asked_for;
  const auto named = [&](const Slice& slice) { return slice.study_uid == name; };
  const bool known =
      asked_for.empty() ? std::ranges::all_of(slices, named) : std::ranges::any_of(slices, named);
  if (known) facts.study_uid = name;
}

void choose(const StudyOptions& options, StudyFacts& facts) {
  facts.choice =
      choose_series(facts.contents, options.limits, options.series_uid, options.study_uid);
  append(facts.warnings, facts.choice.warnings);
  if (facts.choice.refusal) throw *facts.choice.refusal;
  const Series& chosen = facts.choice.series.at(*facts.choice.chosen);
  facts.study_uid = chosen.study_uid;
  facts.series_uid = chosen.series_uid;
}

Volume take(Assembly assembly, StudyFacts& facts) {
  append(facts.warnings, assembly.warnings);
  facts.geometry = std::move(assembly.geometry);
  facts.shape = assembly.volume.hu.shape();
  return std::move(assembly.volume);
}

/// The choice never falls back on another series by itself: which one an answer is about must not
/// depend on damage in the first.
std::string another_candidate(const Choice& choice) {
  for (const Series& series : choice.series) {
    if (!series.candidate || series.chosen) continue;
    return fmt::format(" Another candidate can be asked for: series {}.",
                       series.series_uid.substr(0, 64));
  }
  return "";
}

/// What `open` gives: it is called within the stage "scan", as finding the files is part of it.
Volume load_dicom(const std::function<std::unique_ptr<Source>()>& open, const StudyOptions& options,
                  const VolumeMemory& memory, ThreadPool& pool, Watch& watch, StudyFacts& facts) {
  std::unique_ptr<Source> source;
  {
    const auto stage = watch.stage("scan");
    source = open();
    facts.contents = scan(*source, options.limits, pool, watch);
    append(facts.warnings, facts.contents.warnings);
    name_study(options.study_uid, facts);
    choose(options, facts);
  }
  const auto stage = watch.stage("decode");
  const Series& chosen = facts.choice.series.at(*facts.choice.chosen);
  try {
    return take(assemble(*source, facts.contents, chosen, options.limits, pool, watch, memory),
                facts);
  } catch (const Error& error) {
    if (info(error.code()).fault != Fault::unprocessable) throw;
    throw Error(error.code(), error.what() + another_candidate(facts.choice));
  }
}

Volume load_nifti(const InputFile& input, const StudyOptions& options, const VolumeMemory& memory,
                  Watch& watch, StudyFacts& facts) {
  if (!options.series_uid.empty() || !options.study_uid.empty()) {
    throw Error(Code::series_not_found,
                "A study or a series was asked for by its UID, but a NIfTI file has none.");
  }
  const auto stage = watch.stage("decode");
  return take(read_nifti(input, options.limits, watch, memory), facts);
}

void require_lungs(const Volume& volume, const StudyOptions& options, Watch& watch,
                   StudyFacts& facts) {
  if (options.any_anatomy) {
    facts.warnings.emplace_back("The lungs check was left out: the image may show anything.");
    return;
  }
  const auto stage = watch.stage("lungs");
  facts.lungs = find_lungs(volume);
  if (!facts.lungs->present) throw Error(Code::no_lungs, facts.lungs->reason);
}

}  // namespace

Volume load_study(const std::filesystem::path& input, const StudyOptions& options, ThreadPool& pool,
                  Watch& watch, StudyFacts& facts) {
  facts = {};
  std::error_code ignored;
  if (!std::filesystem::is_directory(input, ignored)) {
    return load_open_study(std::make_shared<InputFile>(input), options, Tensor::uninitialised, pool,
                           watch, facts);
  }
  facts.format = "folder";
  const auto open = [&] { return open_source(input, options.limits); };
  Volume volume = load_dicom(open, options, Tensor::uninitialised, pool, watch, facts);
  require_lungs(volume, options, watch, facts);
  return volume;
}

Volume load_open_study(const std::shared_ptr<const InputFile>& input, const StudyOptions& options,
                       const VolumeMemory& memory, ThreadPool& pool, Watch& watch,
                       StudyFacts& facts) {
  facts = {};
  const Format format = sniff(*input);
  facts.format = name_of(format);
  const bool nifti = format == Format::nifti || format == Format::nifti_gz;
  const auto open = [&] { return open_source(input, options.limits); };
  Volume volume = nifti ? load_nifti(*input, options, memory, watch, facts)
                        : load_dicom(open, options, memory, pool, watch, facts);
  require_lungs(volume, options, watch, facts);
  return volume;
}

}  // namespace ctclip
