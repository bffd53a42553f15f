// crypto: the first use of libcrypto in this process.
#pragma once

namespace runlog {

/// To be called before libcrypto is used, by us or by what we load; cheap, any thread. Where nobody
/// has used it before, it registers no exit handler: runs ship what they have until the last
/// instruction of the process, behind all handlers. False: somebody else's handler has ended it.
[[nodiscard]] bool prepare_crypto() noexcept;

}  // namespace runlog
