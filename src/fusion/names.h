#pragma once

#include <string>
#include <string_view>

namespace ctclip {

/// The sentence that must stand by every probability that a person can see.
inline constexpr std::string_view kWarningEnglish =
    "For diagnostic support only: every result must be checked by a qualified radiologist. "
    "Not for making a diagnosis on its own.";
inline constexpr std::string_view kWarningRussian =
    "Только для диагностической поддержки: каждый результат должен быть проверен квалифицированным "
    "врачом-рентгенологом. Не предназначено для самостоятельной постановки диагноза.";

/// Readable name of a pathology: "pleural_effusion" -> "Pleural effusion", "covid" -> "COVID-19
/// pneumonia". A name that is not in the table is shown as it is, underscores as blanks, first
/// letter upper case.
std::string readable_name(std::string_view pathology);
std::string readable_name_russian(std::string_view pathology);

/// The guide's table: below 0.3, 0.3 - 0.5, 0.5 - 0.7, above.
std::string_view interpretation(double probability);
std::string_view interpretation_russian(double probability);

}  // namespace ctclip
