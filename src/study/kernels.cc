#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "study/series.h"

namespace ctclip {
namespace {

enum class Match { contains, equals, begins };

struct KernelName {
  std::string_view name;  // upper case
  Match match;
  KernelClass kernel_class;
};

// The first nine names are what deployments are used to (service.md). The rest are names that the
// same vendors now give to the same kernels; a kernel that the list doesn't know is `other`.
constexpr std::array kKernelNames = {
    KernelName{"LUNG", Match::contains, KernelClass::lung},  // GE "LUNG", Philips "Lung Enhanced"
    KernelName{"B70", Match::contains, KernelClass::lung},   // Siemens
    KernelName{"B80", Match::contains, KernelClass::lung},
    KernelName{"FC51", Match::contains, KernelClass::lung},  // Toshiba, Canon
    KernelName{"FC81", Match::contains, KernelClass::lung},
    KernelName{"STANDARD", Match::contains, KernelClass::standard},  // GE
    KernelName{"B30", Match::contains, KernelClass::standard},       // Siemens
    KernelName{"B31", Match::contains, KernelClass::standard},
    KernelName{"FC30", Match::contains, KernelClass::standard},  // Toshiba

    // Siemens, iterative (SAFIRE, ADMIRE): the letter I in place of B, the same numbers: "I70f\3".
    KernelName{"I70", Match::begins, KernelClass::lung},
    KernelName{"I80", Match::begins, KernelClass::lung},
    KernelName{"I30", Match::begins, KernelClass::standard},
    KernelName{"I31", Match::begins, KernelClass::standard},
    // Siemens since the SOMATOM Force: family (B body, Q quantitative), subgroup (r regular,
    // l lung), sharpness: "Bl57", "Br36", "Qr36". T. Zhou, "Siemens CT Reconstruction Kernels",
    // diagnosticradphys.com, 2025: l is optimised for lungs, r is regular. The thirties are what
    // B30 and B31 were; Br40 stays `other` as B40 does and as golden/dicom sel3 has it.
    KernelName{"BL5", Match::begins, KernelClass::lung},
    KernelName{"BL6", Match::begins, KernelClass::lung},
    KernelName{"BL7", Match::begins, KernelClass::lung},
    KernelName{"BR3", Match::begins, KernelClass::standard},
    KernelName{"QR3", Match::begins, KernelClass::standard},
    // Canon: Korean J Radiol 2018;19(5):888-896 has FC55 as the conventional lung kernel and FC13
    // as the conventional soft-tissue one; BRIDG 5.3.1 (NCI) has FC03 for soft tissue.
    KernelName{"FC55", Match::begins, KernelClass::lung},
    KernelName{"FC13", Match::begins, KernelClass::standard},
    KernelName{"FC03", Match::begins, KernelClass::standard},
    // GE HiSpeed abbreviates STANDARD ("STD+" in the head study of the test data).
    KernelName{"STD", Match::equals, KernelClass::standard},
    KernelName{"STD+", Match::equals, KernelClass::standard},
    // Philips Brilliance, iCT, IQon: one-letter body filters, L is "Lung Enhanced", B the standard.
    KernelName{"L", Match::equals, KernelClass::lung},
    KernelName{"B", Match::equals, KernelClass::standard},
};

std::string normalised(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

bool matches(const std::string& kernel, const KernelName& known) {
  switch (known.match) {
    case Match::contains:
      return kernel.find(known.name) != std::string::npos;
    case Match::begins:
      return kernel.starts_with(known.name);
    case Match::equals:
      return kernel == known.name;
  }
  return false;
}

KernelClass classify(std::span<const std::string> kernels) {
  KernelClass best = KernelClass::other;
  for (const std::string& text : kernels) {
    const std::string kernel = normalised(text);
    for (const KernelName& known : kKernelNames) {
      if (matches(kernel, known)) best = std::min(best, known.kernel_class);
    }
  }
  return best;
}

}  // namespace

KernelClass classify_kernel(std::span<const std::string> convolution_kernel,
                            const std::string& filter_type) {
  const bool named = std::any_of(convolution_kernel.begin(), convolution_kernel.end(),
                                 [](const std::string& text) { return !normalised(text).empty(); });
  return named ? classify(convolution_kernel) : classify(std::span(&filter_type, 1));
}

}  // namespace ctclip
