#include "mixtura/dispatch.hpp"

#include <cstdlib>
#include <stdexcept>

namespace mixtura {

namespace baseline {
extern const Engine engine;
}
#ifdef MIXTURA_X86
namespace avx2 {
extern const Engine engine;
}
namespace avx512 {
extern const Engine engine;
}
#endif

namespace {

std::vector<const Engine*> find_engines() {
    std::vector<const Engine*> found = {&baseline::engine};
#ifdef MIXTURA_X86
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2) found.push_back(&avx2::engine);
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        found.push_back(&avx512::engine);
#endif
    return found;
}

}  // namespace

const std::vector<const Engine*>& engines() {
    static const std::vector<const Engine*> found = find_engines();
    return found;
}

const Engine& engine_in_force() {
    const char* forced = std::getenv("MIXTURA_INSTRUCTION_SET");
    if (!forced || !*forced) return *engines().back();
    std::string known;
    for (const Engine* engine : engines()) {
        if (std::string(forced) == engine->name) return *engine;
        known += (known.empty() ? "" : ", ") + std::string(engine->name);
    }
    throw std::invalid_argument("MIXTURA_INSTRUCTION_SET is '" + std::string(forced) +
                                "', which is unknown or not available on this machine; expected one of: " + known +
                                ". Unset it to let mixtura choose.");
}

}  // namespace mixtura
