#pragma once

namespace ctclip {

/// Silences DCMTK's own log (it may quote patient data), registers its codecs and makes sure that
/// its data dictionary is there. Once for the program; any thread may call it. Throws
/// Error{internal} where there is no dictionary.
void set_up_dcmtk();

}  // namespace ctclip
