// Aligned memory: an owning buffer, and an arena that cuts one workspace into aligned pieces.
#pragma once

#include <cstring>
#include <new>

#include "simd.hpp"

namespace mixtura::MIXTURA_ARCH {

inline constexpr std::size_t alignment = 64;

constexpr std::size_t aligned_bytes(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

template <class T>
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::size_t size)
        : data_(static_cast<T*>(::operator new(aligned_bytes(size * sizeof(T)) + alignment, std::align_val_t(alignment)))) {
        std::memset(static_cast<void*>(data_), 0, size * sizeof(T));
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    Buffer& operator=(Buffer&& other) noexcept {
        T* mine = data_;
        data_ = other.data_;
        other.data_ = mine;
        return *this;
    }
    ~Buffer() {
        if (data_) ::operator delete(static_cast<void*>(data_), std::align_val_t(alignment));
    }
    T* get() { return data_; }
    const T* get() const { return data_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }

private:
    T* data_ = nullptr;
};

// With a null base it only measures.
class Arena {
public:
    explicit Arena(char* base) : base_(base) {}
    template <class T>
    T* take(std::size_t count) {
        char* here = base_ ? base_ + used_ : nullptr;
        used_ += aligned_bytes(count * sizeof(T));
        return reinterpret_cast<T*>(here);
    }
    std::size_t used() const { return used_; }

private:
    char* base_;
    std::size_t used_ = 0;
};

}  // namespace mixtura::MIXTURA_ARCH
