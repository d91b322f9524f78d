#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "app/commands.h"
#include "app/complaint.h"
#include "app/help.h"
#include "base/error.h"
#include "fusion/names.h"
#include "isolation/child_process.h"
#include "isolation/study_reader.h"
#include "nn/precision.h"
#include "server/status.h"

namespace {

int report(const ctclip::Error& error) {
  fmt::print(stderr, "ctclip: {}: {}\n", ctclip::info(error.code()).name, error.what());
  return ctclip::status_of(error.fault()).exit;
}

}  // namespace

// What setting up the options or printing an error throws may end the process.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  // The service's own child, not a command for users: nothing else of the program is set up in it.
  if (argc == 2 && std::string_view(argv[1]) == ctclip::isolation::kReaderCommand) {
    ctclip::isolation::read_one_study();
  }
  ctclip::nn::follow_onednn_limit();
  CLI::App app(
      "Analyses chest CT studies: the probability of a pathology, and its most dangerous type.\n" +
          std::string(ctclip::kWarningEnglish),
      "ctclip");
  app.formatter(std::make_shared<ctclip::app::HelpFormatter>(ctclip::app::help_width()));
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version", std::string("ctclip ") + CTCLIP_VERSION,
                       "Print the version and exit");
  app.require_subcommand(1);
  ctclip::app::Action action;
  ctclip::app::add_predict(app, action);
  ctclip::app::add_inspect(app, action);
  ctclip::app::add_export(app, action);
  ctclip::app::add_fusion(app, action);
  ctclip::app::add_models(app, action);
  ctclip::app::add_phantom(app, action);
  ctclip::app::add_serve(app, action);
  ctclip::app::add_keys(app, action);
  ctclip::app::add_batch(app, action);
  ctclip::app::add_history(app, action);
  ctclip::app::add_completion(app, action);
  ctclip::app::add_help(app, action);
  if (argc == 1) {
    fmt::print("{}", app.help());
    return 0;
  }
  try {
    app.parse(argc, argv);
    return action();
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "{}", ctclip::app::complaint(app, error));
    return ctclip::status_of(ctclip::Fault::usage).exit;
  } catch (const ctclip::Error& error) {
    return report(error);
  } catch (const std::bad_alloc&) {
    return report(ctclip::Error(ctclip::Code::internal, "there is not enough memory"));
  } catch (const std::exception& error) {
    return report(ctclip::Error(ctclip::Code::internal, error.what()));
  }
}
