/* commands.c - the table of the commands: what each is called, takes, does, and what the help says of it. */
#include <string.h>

#include "cli/command.h"

#define EXAMPLES(...) ((const cvt_example[]){__VA_ARGS__, {NULL, NULL}})

static const char images[] =
    "PATH is a JPEG or PNG file; a directory, which stands for the JPEG and PNG files in it (with "
    "-r also for those in the directories below); or -, which is a picture on standard input.";

const cvt_command cvt_commands[] = {
    {.name = "classify",
     .bit = CVT_CMD_CLASSIFY,
     .operands = "PATH...",
     .most = -1,
     .run = cvt_command_classify,
     .purpose = "tell what is on pictures",
     .about = {"For each picture the model names the likeliest of its classes, with their probabilities.", images,
               "A picture that cannot be read does not stop the others."},
     .examples = EXAMPLES({"cvt classify cat.jpg", "the five likeliest classes of a picture"},
                          {"cvt classify -k 1 -r photos", "a whole tree, one line a picture"},
                          {"cvt classify -m cvt-13 -f jsonl photos > photos.jsonl", "another model; a record a line"})},
    {.name = "summary",
     .bit = CVT_CMD_SUMMARY,
     .operands = "",
     .run = cvt_command_summary,
     .purpose = "list a model's layers with their sizes and costs",
     .about =
         {"Of each layer: its output, its parameters (the numbers that were learned), and its MACs (multiply-adds, "
          "those of convolutions and matrix products for one picture). Below stand the share of each stage and the "
          "totals, with the buffers (numbers that are stored, but were not learned).",
          "With -c alone no weights are needed."},
     .examples = EXAMPLES({"cvt summary -m cvt-13 --depth 2", "a line a block"},
                          {"cvt summary -c configs/cvt-21.json", "of a config without weights"})},
    {.name = "check",
     .bit = CVT_CMD_CHECK,
     .operands = "",
     .run = cvt_command_check,
     .purpose = "check a model's config and every tensor of its weights",
     .about = {"Names, shapes, types and values are checked; the model is not run."},
     .examples = EXAMPLES({"cvt check -m cvt-13", "is this download whole?"})},
    {.name = "run",
     .bit = CVT_CMD_RUN,
     .operands = "",
     .run = cvt_command_run,
     .purpose = "run a model on tensors from .npy files",
     .about = {"One forward pass of all images in the files: normalised tensors [N, C, H, W], as cvt preprocess writes "
               "them. The logits go into DIR/output.npy."},
     .examples = EXAMPLES({"cvt preprocess -m cvt-13 cat.jpg -o x.npy", "the tensor of a picture"},
                          {"cvt run -m cvt-13 -i x.npy -o values --tap all", "all that the model makes of it"})},
    {.name = "preprocess",
     .bit = CVT_CMD_PREPROCESS,
     .operands = "IMAGE",
     .least = 1,
     .most = 1,
     .run = cvt_command_preprocess,
     .purpose = "write the tensor that a model is fed for a picture",
     .about =
         {"IMAGE is a JPEG or PNG file, or - for standard input. It is decoded, turned upright, resized, cropped and "
          "normalised as the model's own image processor does it, bit for bit."},
     .examples = EXAMPLES({"cvt preprocess -m cvt-13 cat.jpg -o x.npy", "[1, 3, 224, 224] in f32"},
                          {"cvt preprocess -m cvt-13 cat.jpg -o seen.npy --stop crop", "the pixels that it sees"})},
    {.name = "embed",
     .bit = CVT_CMD_EMBED,
     .operands = "PATH...",
     .most = -1,
     .run = cvt_command_embed,
     .purpose = "write the features of pictures, for searching or learning",
     .about = {"A row a picture: what the model's last linear layer reads, or with --tap another inner value.", images,
               "The paths of the rows go into a text file beside the .npy file."},
     .examples = EXAMPLES({"cvt embed -r photos -o photos.npy", "and photos.txt with the paths"})},
    {.name = "attend",
     .bit = CVT_CMD_ATTEND,
     .operands = "IMAGE",
     .least = 1,
     .most = 1,
     .run = cvt_command_attend,
     .purpose = "show where a model looks on a picture",
     .about =
         {"IMAGE is a JPEG or PNG file, or - for standard input. A .png gets the picture with a heat map over it, a "
          ".npy the numbers.",
          "Of a model with attention the map is what a layer attends to: the share of its attention that each place "
          "gets. Of a model without, or with --class, it is the class activation map: how much each place speaks "
          "for the class."},
     .examples =
         EXAMPLES({"cvt attend cat.jpg -o where.png", "the last layer, or the best class"},
                  {"cvt attend -m cvt-13 --layer 0 --head 0 cat.jpg -o first.npy", "one head of the first layer"})},
    {.name = "convert",
     .bit = CVT_CMD_CONVERT,
     .operands = "MODEL",
     .least = 1,
     .most = 1,
     .run = cvt_command_convert,
     .purpose = "make one self-contained file of a model",
     .about =
         {"MODEL is a directory as a clone from the Hugging Face or timm hub leaves it, or a file of weights beside a "
          "config (-c). The file made holds weights, config, preprocessing and labels."},
     .examples = EXAMPLES({"cvt convert cvt-13 -o small.safetensors --dtype f16", "half the size"},
                          {"cvt classify -m small.safetensors cat.jpg", "it is a model like any other"})},
    {.name = "init",
     .bit = CVT_CMD_INIT,
     .operands = "",
     .run = cvt_command_init,
     .purpose = "make a model with random weights, for tests",
     .about = {"The same weights for the same config and seed, on every machine."},
     .examples =
         EXAMPLES({"cvt init -c configs/cvt-13.json --seed 1 -o random.safetensors", "a CvT-13 that knows nothing"})},
    {.name = "bench",
     .bit = CVT_CMD_BENCH,
     .operands = "",
     .run = cvt_command_bench,
     .purpose = "measure how fast a model runs here",
     .about = {"Forward passes of random input are timed; with -c alone the weights are random too."},
     .examples = EXAMPLES({"cvt bench -m cvt-13 -t 1 --seconds 1 --profile", "one thread, by kinds of operations"})},
    {.name = "list",
     .bit = CVT_CMD_LIST,
     .operands = "",
     .run = cvt_command_list,
     .purpose = "list the families of models, and the models at hand",
     .about =
         {"Models at hand are those that can be named without a path: directories and .safetensors files in the "
          "directories of CVT_MODEL_PATH, in ./models, in models beside the program, and in ../share/cvt/models of "
          "where it is installed. The first of a name counts."},
     .examples = EXAMPLES({"cvt list", "for people"}, {"cvt list -f json", "for programs: everything"})},
    {.name = "help",
     .bit = CVT_CMD_HELP,
     .operands = "[COMMAND]",
     .most = 1,
     .run = cvt_command_help,
     .purpose = "explain a command",
     .examples = EXAMPLES({"cvt help classify", "its options, with examples"})},
    {.name = "completion",
     .bit = CVT_CMD_COMPLETION,
     .operands = "bash|zsh|fish",
     .least = 1,
     .most = 1,
     .run = cvt_command_completion,
     .purpose = "write a script by which a shell completes commands",
     .examples = EXAMPLES({"cvt completion bash > cvt.bash", "to be read by: source cvt.bash"})},
    {.name = NULL},
};

const cvt_command *cvt_command_find(const char *name) {
    for (const cvt_command *command = cvt_commands; command->name; command++)
        if (strcmp(command->name, name) == 0) return command;
    return NULL;
}

static const char *next_command(const void *commands, size_t i) { return ((const cvt_command *)commands)[i].name; }

int cvt_command_unknown(const cvt_cli *cli, const char *name) {
    const char *nearest = cvt_opt_nearest(name, next_command, cvt_commands);
    if (nearest) return cvt_cli_usage(cli, "unknown command '%s' (did you mean '%s'?)", name, nearest);
    return cvt_cli_usage(cli, "unknown command '%s'; 'cvt help' lists them", name);
}
