#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/options.h"
#include "app/stop_signals.h"
#include "base/terminal.h"
#include "batch/in_process.h"
#include "batch/merge.h"
#include "batch/output.h"
#include "batch/run.h"
#include "batch/service.h"
#include "fusion/names.h"
#include "isolation/isolated_loader.h"
#include "pipeline/load.h"

namespace ctclip::app {
namespace {

/// Studies that are read and prepared in this process while others compute.
constexpr int kReadAhead = 1;
/// A study whose time is over is `timeout`, also where it was being read: the reader's own limit is
/// later.
constexpr std::chrono::seconds kAfterTimeout{10};

struct BatchCommand {
  batch::BatchOptions run;
  ModelOptions model;
  batch::ServiceOptions service;
  std::string shard = "1/1";
  double timeout = 300;  // seconds, as in the guide
  int jobs = 0;
  bool details = false;
};

struct MergeCommand {
  std::filesystem::path output;
  std::vector<std::filesystem::path> parts;
  bool details = false, partial = false, overwrite = false;
};

/// The result of all rows, and what is said at the end. 1 if a study failed or was not looked at.
int report(const batch::Table& table, const std::filesystem::path& output, bool details) {
  const batch::Summary summary = batch::summarise(table);
  batch::write_output(output, table, summary, details);
  fmt::print("{}", batch::summary_text(summary, output.string()));
  return summary.failed == 0 && summary.unanswered == 0 ? 0 : 1;
}

void say_how_to_go_on(const batch::Ran& ran) {
  const std::string why = ran.stopped.empty() ? "It was told to stop." : ran.stopped;
  fmt::print(stderr,
             "ctclip: stopped: {} {} of {} studies have their rows; the same command with --resume "
             "goes on.\n",
             why, ran.rows, ran.studies);
}

/// Who answers; models are loaded once, and only when there is something to ask.
batch::MakeBackend open_backend(const BatchCommand& command) {
  if (!command.service.url.empty()) {
    Terminal::of_stderr().print(
        fmt::format("Service: {}\n", batch::shown_url(command.service.url)));
    return [&command] { return batch::make_service(command.service); };
  }
  isolation::LoaderOptions reading;
  reading.threads = command.model.threads;
  reading.time = command.service.timeout + kAfterTimeout;
  auto analyser =
      load_analyser(models_folder(command.model), command.model.threads, command.model.precision,
                    command.run.jobs - kReadAhead, isolation::IsolatedLoader(reading));
  const batch::InProcessOptions options{command.service.timeout, command.run.threshold,
                                        command.run.any_anatomy};
  return [analyser, options] { return batch::make_in_process(analyser, options); };
}

void complete(BatchCommand& command) {
  const bool remote = !command.service.url.empty();
  command.run.answering = remote ? "service" : "in process";
  command.run.jobs = command.jobs > 0 ? command.jobs : (remote ? 2 : 1);
  if (!remote) command.run.jobs += kReadAhead;
  command.run.shard = batch::parse_shard(command.shard);
  command.service.timeout = milliseconds(command.timeout);
  command.service.threshold = command.run.threshold;
  command.service.any_anatomy = command.run.any_anatomy;
  batch::output_format(command.run.output);
  if (remote) batch::predict_url(command.service);  // a wrong one is refused before any work
}

int run(BatchCommand& command) {
  complete(command);
  block_stop_signals();
  std::signal(SIGPIPE, SIG_IGN);
  std::stop_source finish, abandon;
  const StopSignals signals([&](int received) {
    finish.request_stop();
    if (received >= 2) abandon.request_stop();
  });
  fmt::print(stderr, "{}\n", kWarningEnglish);
  batch::Progress progress;
  command.service.slow = [&progress](const std::string& what) { progress.waiting(what, {}); };
  const batch::Ran ran = batch::run_batch(
      command.run, [&command] { return open_backend(command); },
      {finish.get_token(), abandon.get_token()}, progress);
  int status = 1;
  if (std::filesystem::exists(batch::journal_of(command.run.output))) {
    batch::Table table;
    table.add(batch::journal_of(command.run.output));
    status = report(table, command.run.output, command.details);
  }
  if (finish.stop_requested() || !ran.complete()) {
    say_how_to_go_on(ran);
    return finish.stop_requested() ? kTerminated : 1;
  }
  return status;
}

int run_merge(const MergeCommand& command) {
  batch::output_format(command.output);
  if (!command.overwrite && std::filesystem::exists(command.output)) {
    throw Error(Code::usage, command.output.string() + ": exists; --overwrite replaces it");
  }
  return report(batch::merge(command.parts, command.partial), command.output, command.details);
}

void add_answering_options(CLI::App& command, BatchCommand& options) {
  command.add_option("--api-url", options.service.url,
                     "Service to ask, for example http://localhost:8000; without it studies are "
                     "answered in this process, by --models");
  command
      .add_option(
          "--api-key", options.service.api_key,
          "Key that the service asks for; better by the variable, since others see a command "
          "line")
      ->envname("CTCLIP_API_KEY");
  add_model_options(command, options.model);
  command
      .add_option("--jobs", options.jobs,
                  "Studies at once; 0: two of a service, one in this process")
      ->check(CLI::Range(0, 256));
  command.add_option("--timeout", options.timeout, "Seconds for a study, upload included")
      ->check(CLI::Range(0.1, 86'400.0));
  command
      .add_option("--retries", options.run.retry.retries,
                  "Tries after the first, where the service is busy or the connection breaks")
      ->check(CLI::Range(0, 1000));
  command
      .add_option("--ca-bundle", options.service.ca_bundle,
                  "PEM file of the authorities to trust; default: the system's")
      ->envname("CURL_CA_BUNDLE")
      ->check(CLI::ExistingFile);
  command
      .add_option("--threshold", options.run.threshold,
                  "Decision threshold instead of the bundle's")
      ->check(CLI::Range(0.0, 1.0));
  command.add_flag("--any-anatomy", options.run.any_anatomy,
                   "Leave out the check that there are lungs");
}

void add_going_on_options(CLI::App& command, BatchCommand& options) {
  command.add_option("--shard", options.shard, "Only part i of n, for a job of an array: i/n");
  CLI::Option* resume = command.add_flag("--resume", options.run.resume,
                                         "Go on with a batch that was stopped, or begin it");
  command.add_flag("--overwrite", options.run.overwrite, "Replace an earlier result")
      ->excludes(resume);
  command
      .add_flag("--retry-failed", options.run.retry_failed,
                "With --resume: answer failed studies once more")
      ->needs(resume);
}

void add_merge(CLI::App& batch, Action& action) {
  auto options = std::make_shared<MergeCommand>();
  CLI::App* command = batch.add_subcommand("merge", "Put the results of shards together");
  command->add_option("OUTPUT", options->output, "Result: .xlsx, .csv or .jsonl")->required();
  command
      ->add_option("PART", options->parts,
                   "OUTPUT of each shard, its journal beside it, or the journal")
      ->required();
  command->add_flag("--details", options->details, "Add a column for every probability");
  command->add_flag("--partial", options->partial, "Though shards are missing or unfinished");
  command->add_flag("--overwrite", options->overwrite, "Replace an earlier result");
  command->footer(std::string(kWarningEnglish));
  command->callback([options, &action] { action = [options] { return run_merge(*options); }; });
}

}  // namespace

void add_batch(CLI::App& app, Action& action) {
  auto options = std::make_shared<BatchCommand>();
  CLI::App* command = app.add_subcommand("batch", "Answer a folder of studies: a table");
  CLI::Option* input =
      command
          ->add_option("--input-dir", options->run.input,
                       "Folder of ZIP archives, NIfTI and DICOM files, at any depth")
          ->check(CLI::ExistingDirectory);
  CLI::Option* output = command->add_option("--output", options->run.output,
                                            "Result: .xlsx, .csv or .jsonl, by its name");
  command->add_flag("--details", options->details, "Add a column for every probability");
  add_answering_options(*command, *options);
  add_going_on_options(*command, *options);
  for (CLI::Option* option : command->get_options()) {
    if (option->get_name() != "--api-key") option->capture_default_str();
  }
  command->footer(std::string(kWarningEnglish));
  command->require_subcommand(0, 1);
  command->callback([options, command, input, output, &action] {
    if (!command->get_subcommands().empty()) return;
    for (const CLI::Option* wanted : {input, output}) {
      if (wanted->count() == 0) throw CLI::RequiredError(wanted->get_name());
    }
    action = [options] { return run(*options); };
  });
  add_merge(*command, action);
}

}  // namespace ctclip::app
