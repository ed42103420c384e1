/*
 * Times libwbxml for benches/wbxml.rs: loop FILE
 *
 * Four lines of "name nanoseconds", each the best of some batches for one document:
 *   decode-tree  WBXML to libwbxml's tree
 *   decode-xml   WBXML to XML, what libwbxml offers to programs (tree included)
 *   encode-tree  libwbxml's tree to WBXML
 *   encode-xml   XML to WBXML, what libwbxml offers to programs (tree included)
 * All with the settings that suit it best: no string table, no public id, compact XML.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wbxml/wbxml.h>

/* Exported by the library, but not declared by the headers that are installed. */
typedef struct tree tree;
WBXMLError wbxml_tree_from_wbxml(WB_UTINY *, WB_ULONG, WBXMLLanguage, WBXMLCharsetMIBEnum, tree **);
WBXMLError wbxml_tree_to_wbxml(tree *, WB_UTINY **, WB_ULONG *, WBXMLGenWBXMLParams *);
void wbxml_tree_destroy(tree *);

static WB_UTINY *document, *text;
static WB_ULONG document_size, text_size;
static tree *parsed;

static void check(WBXMLError error, const char *what) {
    if (error != WBXML_OK) {
        fprintf(stderr, "%s: %s\n", what, (const char *)wbxml_errors_string(error));
        exit(1);
    }
}

static void decode_tree(void) {
    tree *t = NULL;
    check(wbxml_tree_from_wbxml(document, document_size, WBXML_LANG_ACTIVESYNC, WBXML_CHARSET_UTF_8, &t), "decode-tree");
    wbxml_tree_destroy(t);
}

static void to_xml(WB_UTINY **xml, WB_ULONG *size) {
    WBXMLConvWBXML2XML *c = NULL;
    check(wbxml_conv_wbxml2xml_create(&c), "create");
    wbxml_conv_wbxml2xml_set_language(c, WBXML_LANG_ACTIVESYNC);
    wbxml_conv_wbxml2xml_set_gen_type(c, WBXML_GEN_XML_COMPACT);
    check(wbxml_conv_wbxml2xml_run(c, document, document_size, xml, size), "decode-xml");
    wbxml_conv_wbxml2xml_destroy(c);
}

static void decode_xml(void) {
    WB_UTINY *xml = NULL;
    WB_ULONG size = 0;
    to_xml(&xml, &size);
    free(xml);
}

static void same_size(WB_UTINY *out, WB_ULONG size, const char *what) {
    if (size != document_size) {
        fprintf(stderr, "%s: %lu bytes instead of %lu\n", what, (unsigned long)size, (unsigned long)document_size);
        exit(1);
    }
    free(out);
}

static void encode_tree(void) {
    WBXMLGenWBXMLParams params = {WBXML_VERSION_13, TRUE, FALSE, TRUE};
    WB_UTINY *out = NULL;
    WB_ULONG size = 0;
    check(wbxml_tree_to_wbxml(parsed, &out, &size, &params), "encode-tree");
    same_size(out, size, "encode-tree");
}

static void encode_xml(void) {
    WBXMLConvXML2WBXML *c = NULL;
    WB_UTINY *out = NULL;
    WB_ULONG size = 0;
    check(wbxml_conv_xml2wbxml_create(&c), "create");
    wbxml_conv_xml2wbxml_enable_preserve_whitespaces(c);
    wbxml_conv_xml2wbxml_disable_string_table(c);
    wbxml_conv_xml2wbxml_disable_public_id(c);
    check(wbxml_conv_xml2wbxml_run(c, text, text_size, &out, &size), "encode-xml");
    wbxml_conv_xml2wbxml_destroy(c);
    same_size(out, size, "encode-xml");
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void measure(const char *name, void (*work)(void)) {
    double best = 1e18;
    for (int batch = 0; batch < 500; batch++) {
        double start = now(), spent;
        int rounds = 0;
        do {
            work();
            rounds++;
            spent = now() - start;
        } while (spent < 2e6);
        if (spent / rounds < best)
            best = spent / rounds;
    }
    printf("%s %.0f\n", name, best);
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    document = malloc(1 << 24);
    if (!file || !document)
        return 2;
    document_size = fread(document, 1, 1 << 24, file);
    fclose(file);
    to_xml(&text, &text_size);
    check(wbxml_tree_from_wbxml(document, document_size, WBXML_LANG_ACTIVESYNC, WBXML_CHARSET_UTF_8, &parsed), "tree");
    measure("decode-tree", decode_tree);
    measure("decode-xml", decode_xml);
    measure("encode-tree", encode_tree);
    measure("encode-xml", encode_xml);
    return 0;
}
