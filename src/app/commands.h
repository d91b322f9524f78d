#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace ctclip::app {

/// Every sub-command adds itself to the command line in a file of its own and leaves in `action`
/// what to run when it was chosen; `action` returns the exit status and may throw Error, which
/// `main` turns into a message and a status.
using Action = std::function<int()>;

void add_predict(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_export(CLI::App& app, Action& action);
void add_fusion(CLI::App& app, Action& action);
void add_models(CLI::App& app, Action& action);
/// `ctclip models compare`, which belongs to `models`.
void add_compare(CLI::App& models, Action& action);
void add_phantom(CLI::App& app, Action& action);
void add_keys(CLI::App& app, Action& action);
void add_serve(CLI::App& app, Action& action);
void add_batch(CLI::App& app, Action& action);
void add_history(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);
void add_help(CLI::App& app, Action& action);

}  // namespace ctclip::app
