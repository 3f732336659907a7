/* TEST_ROWS(suite, name, rows): the body that follows runs once a row of the array `rows`, each in
 * a process of its own, with the row's number in `*row`.
 * The parameter is a number because that process has other addresses: a parameter that holds a
 * pointer crashes in a PIE build. Past some dozens of rows, loop in one Test(). */
#pragma once
#include <stddef.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#define TEST_ROWS(suite, name, rows)                                                               \
    ParameterizedTestParameters(suite, name)                                                       \
    {                                                                                              \
        enum { COUNT = sizeof(rows) / sizeof((rows)[0]) };                                         \
        static size_t numbers[COUNT];                                                              \
        for (size_t i = 0; i < COUNT; i++)                                                         \
            numbers[i] = i;                                                                        \
        return cr_make_param_array(size_t, numbers, COUNT);                                        \
    }                                                                                              \
    ParameterizedTest(size_t *row, suite, name)
