#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <new>
#include <string_view>

#include "app/commands.h"
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
  CLI::App app("ctclip: how probable a pathology is in a chest CT, and which.\n" +
               std::string(ctclip::kWarningEnglish));
  app.set_version_flag("--version", std::string("ctclip ") + CTCLIP_VERSION);
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
  try {
    app.parse(argc, argv);
    return action();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : ctclip::status_of(ctclip::Fault::usage).exit;
  } catch (const ctclip::Error& error) {
    return report(error);
  } catch (const std::bad_alloc&) {
    return report(ctclip::Error(ctclip::Code::internal, "there is not enough memory"));
  } catch (const std::exception& error) {
    return report(ctclip::Error(ctclip::Code::internal, error.what()));
  }
}
