// Arrays across the border: checked views of what Python gives, and new NumPy arrays.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "mixtura/problem.hpp"

namespace mixtura::bindings {

namespace nb = nanobind;
using Shape = std::vector<std::int64_t>;

inline std::string text(const Shape& shape) {
    std::string out = "(";
    for (std::size_t i = 0; i < shape.size(); ++i)
        out += (i ? ", " : "") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
    return out + (shape.size() == 1 ? ",)" : ")");
}

// A buffer of float64, float32, int64 or int32 with any strides. Needs the GIL when it is made and when it dies.
class View {
public:
    View(nb::handle object, const char* name, bool writable = false) : name_(name) {
        const int flags = (writable ? PyBUF_WRITABLE : 0) | PyBUF_STRIDES | PyBUF_FORMAT;
        if (PyObject_GetBuffer(object.ptr(), &buffer_, flags) != 0) {
            PyErr_Clear();
            throw nb::type_error((std::string(name) + " must be " + (writable ? "a writable" : "a") + " NumPy array.").c_str());
        }
        const char* format = buffer_.format ? buffer_.format : "B";
        while (*format == '@' || *format == '=' || *format == '<') ++format;
        code_ = std::strlen(format) == 1 ? *format : '?';
    }
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    ~View() { PyBuffer_Release(&buffer_); }

    bool is_float64() const { return code_ == 'd'; }
    bool is_float32() const { return code_ == 'f'; }
    bool is_integer(std::size_t bytes) const {
        return (code_ == 'l' || code_ == 'q' || code_ == 'i') && std::size_t(buffer_.itemsize) == bytes;
    }
    Shape shape() const { return Shape(buffer_.shape, buffer_.shape + buffer_.ndim); }
    std::int64_t stride(int axis) const { return buffer_.strides[axis]; }
    char* data() const { return static_cast<char*>(buffer_.buf); }

    // -1 in `wanted` fits any length.
    const View& expect(const Shape& wanted) const {
        const Shape mine = shape();
        bool fits = mine.size() == wanted.size();
        for (std::size_t i = 0; fits && i < mine.size(); ++i) fits = wanted[i] < 0 || wanted[i] == mine[i];
        if (!fits) throw nb::value_error((name_ + " has shape " + text(mine) + "; expected " + text(wanted) + ".").c_str());
        return *this;
    }
    const View& expect_float64() const {
        if (!is_float64()) throw nb::type_error((name_ + " must be a float64 array.").c_str());
        return *this;
    }
    // The caller's array, written in place.
    template <class T>
    T* in_place(const Shape& wanted) const {
        expect(wanted);
        if (!PyBuffer_IsContiguous(&buffer_, 'C')) throw nb::value_error((name_ + " must be C-contiguous.").c_str());
        return reinterpret_cast<T*>(data());
    }
    // A C-ordered copy.
    std::vector<double> copy() const {
        expect_float64();
        std::vector<double> out(std::size_t(buffer_.len) / sizeof(double));
        if (!out.empty()) PyBuffer_ToContiguous(out.data(), const_cast<Py_buffer*>(&buffer_), buffer_.len, 'C');
        return out;
    }

private:
    std::string name_;
    Py_buffer buffer_;
    char code_;
};

inline std::vector<double> copy_float64(nb::handle object, const char* name, const Shape& shape) {
    return View(object, name).expect_float64().expect(shape).copy();
}

// A new NumPy array; `data` stays valid as long as the array lives.
template <class T>
struct NewArray {
    T* data;
    nb::object array;

    explicit NewArray(const Shape& shape) {
        std::size_t size = 1;
        std::vector<std::size_t> lengths;
        for (std::int64_t n : shape) {
            lengths.push_back(std::size_t(n));
            size *= std::size_t(n);
        }
        data = new T[size + 1]();
        nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
        array = nb::cast(nb::ndarray<nb::numpy, T>(data, lengths.size(), lengths.data(), owner));
    }
};

}  // namespace mixtura::bindings
