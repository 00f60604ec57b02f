#include "toml_reader.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

extern "C" {
#include "mem.h"
}

namespace
{

struct AssertionFailed : std::exception {
    const char *what() const noexcept override
    {
        return "this is no TOML, in a way that the parser does not explain";
    }
};

[[noreturn]] void fail_assertion()
{
    throw AssertionFailed();
}

} // namespace

/*
 * The parser is compiled into this file, whatever pkg-config says of a library, with assertions
 * that can be caught: there is malformed text on which toml++ 3.3 fails one.
 */
#undef NDEBUG
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY       1
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : fail_assertion())
#include <toml++/toml.h>

namespace
{

place place_of(const toml::source_region &region)
{
    return place{region.begin.line, region.begin.column};
}

char *copy_text(std::string_view text)
{
    char *copy = mem_strndup(text.data(), text.size());
    for (size_t i = 0; i < text.size(); i++)
        if (copy[i] == '\0')
            copy[i] = '\x01';
    return copy;
}

node_type type_of(const toml::node &node)
{
    switch (node.type()) {
    case toml::node_type::table:
        return NODE_TABLE;
    case toml::node_type::array:
        return NODE_ARRAY;
    case toml::node_type::string:
        return NODE_STRING;
    case toml::node_type::integer:
        return NODE_INTEGER;
    case toml::node_type::floating_point:
        return NODE_FLOAT;
    case toml::node_type::boolean:
        return NODE_BOOLEAN;
    default:
        return NODE_DATE;
    }
}

void add_node(toml_doc *doc, const toml::node &node, const toml::key *key, size_t parent)
{
    doc->v = static_cast<toml_node *>(mem_grow(doc->v, doc->n, &doc->cap, sizeof(*doc->v)));
    size_t here = doc->n++;
    toml_node out = {};
    out.type = type_of(node);
    out.parent = parent;
    out.at = place_of(node.source());
    out.key = copy_text(key != nullptr ? key->str() : "");
    out.key_at = key != nullptr ? place_of(key->source()) : out.at;
    if (const auto *text = node.as_string())
        out.string = copy_text(text->get());
    if (const auto *number = node.as_integer())
        out.integer = number->get();
    if (const auto *truth = node.as_boolean())
        out.boolean = truth->get();
    doc->v[here] = out;
    if (const auto *table = node.as_table())
        for (const auto &entry : *table)
            add_node(doc, entry.second, &entry.first, here);
    if (const auto *array = node.as_array())
        for (const auto &element : *array)
            add_node(doc, element, nullptr, here);
    doc->v[here].end = doc->n;
}

/* Whether a line is about a secret, so that nothing of it may be repeated. */
bool line_has_secret(std::string_view text, unsigned number)
{
    size_t start = 0;
    for (unsigned i = 1; i < number && start < text.size(); i++) {
        size_t end = text.find('\n', start);
        start = end == std::string_view::npos ? text.size() : end + 1;
    }
    std::string_view line = text.substr(start, text.find('\n', start) - start);
    return line.find("token") != std::string_view::npos ||
           line.find("snitch") != std::string_view::npos;
}

int fail(toml_error *error, place at, std::string_view what)
{
    error->at = at;
    std::snprintf(error->what, sizeof(error->what), "%.*s", static_cast<int>(what.size()),
                  what.data());
    return -1;
}

int fail_parse(toml_error *error, std::string_view text, const toml::parse_error &e)
{
    constexpr std::string_view OPENING = "Error while parsing ";
    place at = place_of(e.source());
    if (line_has_secret(text, at.line))
        return fail(error, at, "this line is no TOML (it holds a secret and is not shown)");
    std::string_view what = e.description();
    if (what.substr(0, OPENING.size()) == OPENING)
        return fail(error, at, std::string("in a ").append(what.substr(OPENING.size())));
    return fail(error, at, what);
}

int read_checked(toml_doc *doc, std::string_view text, toml_error *error)
{
    try {
        toml::table table = toml::parse(text);
        add_node(doc, table, nullptr, 0);
        return 0;
    } catch (const toml::parse_error &e) {
        return fail_parse(error, text, e);
    }
}

} // namespace

int toml_doc_read(struct toml_doc *ret, const char *text, size_t len, struct toml_error *error)
{
    toml_doc doc = {};
    int result = -1;
    try {
        place at{1, 1};
        const char *fault = toml_scan(text, len, &at);
        result = fault != nullptr ? fail(error, at, fault)
                                  : read_checked(&doc, std::string_view(text, len), error);
    } catch (const std::exception &e) {
        result = fail(error, place{1, 1}, e.what());
    } catch (...) {
        result = fail(error, place{1, 1}, "the TOML parser failed");
    }
    if (result != 0)
        toml_doc_fini(&doc);
    else
        *ret = doc;
    return result;
}

void toml_doc_fini(struct toml_doc *doc)
{
    for (size_t i = 0; i < doc->n; i++) {
        std::free(doc->v[i].key);
        std::free(doc->v[i].string);
    }
    std::free(doc->v);
    *doc = {};
}
