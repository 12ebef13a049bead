/* commands.c - the table of the commands: their names, operands and functions, and what the help says of them; and what
 * is said of a word that is none of them. */
#include <string.h>

#include "base/file.h"
#include "cli/models.h"

#define EXAMPLES(...) ((const cvt_example[]){__VA_ARGS__, {NULL, NULL}})

static const char images[] =
    "PATH is a JPEG or PNG file; a directory, which stands for the images in it (with -r also for those in the "
    "directories below); or -, which is an image on standard input. WebP, HEIC and AVIF are read where cvt --version "
    "lists their libraries.";

const cvt_command cvt_commands[] = {
    {.name = "classify",
     .bit = CVT_CMD_CLASSIFY,
     .operands = "PATH...",
     .max = -1,
     .run = cvt_command_classify,
     .purpose = "tell what is in images",
     .about = {"For each image the model names the most likely of its classes, with their probabilities.", images,
               "An image that cannot be read does not stop the others."},
     .examples = EXAMPLES(
         {"cvt classify cat.jpg", "the five most likely classes of an image"},
         {"cvt classify -k 1 -r photos", "all images in and below a directory, one line for each"},
         {"cvt classify -m cvt-13 -f jsonl photos > photos.jsonl",
          "with another model, as JSON: one line for each image"},
         {"cvt classify -r photos -o photos.jsonl --resume", "goes on where the same command was interrupted"})},
    {.name = "summary",
     .bit = CVT_CMD_SUMMARY,
     .operands = "",
     .run = cvt_command_summary,
     .purpose = "list a model's layers with their sizes and costs",
     .about = {"For each layer there is a row: the shape of its output, its parameters (the numbers that "
               "training has found) and its MACs (multiply-adds: the work that its convolutions and matrix "
               "products take for one image). Below the rows are the share of each stage and the totals, and "
               "among these the buffers (numbers that are stored but were not trained, such as the running "
               "means of batch norms).",
               "With -c alone no weights are needed."},
     .examples = EXAMPLES({"cvt summary -m cvt-13 --depth 2", "one row for each block"},
                          {"cvt summary -c configs/cvt-21.json", "of a config, without weights"})},
    {.name = "check",
     .bit = CVT_CMD_CHECK,
     .operands = "",
     .run = cvt_command_check,
     .purpose = "check a model's config and every tensor of its weights",
     .about = {"Names, shapes, types and values are checked; the model is not run."},
     .examples = EXAMPLES({"cvt check -m cvt-13", "is this download complete and undamaged?"})},
    {.name = "run",
     .bit = CVT_CMD_RUN,
     .operands = "",
     .run = cvt_command_run,
     .purpose = "run a model on tensors from .npy files",
     .about = {"All images in the files go through the model in one forward pass. The files hold "
               "normalised tensors [N, C, H, W], as cvt preprocess writes them. The logits (the numbers "
               "that softmax turns into probabilities) go into DIR/output.npy."},
     .examples = EXAMPLES(
         {"cvt preprocess -m cvt-13 cat.jpg -o x.npy", "the tensor of an image"},
         {"cvt run -m cvt-13 -i x.npy -o values --tap all", "the logits, and all inner values that have names"})},
    {.name = "preprocess",
     .bit = CVT_CMD_PREPROCESS,
     .operands = "IMAGE",
     .min = 1,
     .max = 1,
     .run = cvt_command_preprocess,
     .purpose = "write the tensor that a model reads for an image",
     .about =
         {"IMAGE is a JPEG or PNG file, or - for standard input. It is decoded, turned upright, resized, cropped and "
          "normalised as the model's own image processor does it, bit for bit."},
     .examples =
         EXAMPLES({"cvt preprocess -m cvt-13 cat.jpg -o x.npy", "[1, 3, 224, 224] in f32"},
                  {"cvt preprocess -m cvt-13 cat.jpg -o seen.npy --stop crop", "the pixels that the model sees"})},
    {.name = "embed",
     .bit = CVT_CMD_EMBED,
     .operands = "PATH...",
     .max = -1,
     .run = cvt_command_embed,
     .purpose = "write the features of images, for searching or learning",
     .about = {"The file gets a row for each image: its features, which are what the model's last linear layer reads, "
               "or with --tap another inner value.",
               images, "The paths of the rows go into a text file beside the .npy file."},
     .examples = EXAMPLES({"cvt embed -r photos -o photos.npy", "writes photos.npy, and the paths into photos.txt"})},
    {.name = "learn",
     .bit = CVT_CMD_LEARN,
     .operands = "DATA",
     .min = 1,
     .max = 1,
     .run = cvt_command_learn,
     .purpose = "make a model for labels of your own, from images that have them",
     .about =
         {"DATA is a directory with a directory for each label, in which its images are: DATA/cat/1.jpg. Or it is "
          "a list, in a file, a pipe or - (standard input): lines of the path of an image, a tab and its label; or a "
          "comma, where its name ends with .csv. Two labels at least, and two images of each, are needed; some dozens "
          "of each are better.",
          "The new model is the old one but for its last layer, which is fitted to the features of these images. "
          "How good it is shows by cross-validation: five times a layer is fitted to four fifths of the images "
          "and asked about the others.",
          "An image that cannot be read is left out. One that is under two labels, with the same bytes or nearly "
          "the same features, is told. To add a label later, learn anew from all images."},
     .examples = EXAMPLES(
         {"cvt learn pets -o mine.safetensors", "from pets/cat, pets/dog, ..."},
         {"cvt classify -m mine.safetensors cat.jpg", "the new file is a model like any other"},
         {"cvt learn pets -o mine.safetensors --top 40", "also the 40 images whose labels are most likely wrong"})},
    {.name = "eval",
     .bit = CVT_CMD_EVAL,
     .operands = "[DATA]",
     .max = 1,
     .run = cvt_command_eval,
     .purpose = "tell how good a model is, on images whose class is known",
     .about =
         {"DATA is a directory with a directory for each class, in which its images are: DATA/cat/1.jpg. Or it is a "
          "list, in a file, a pipe or - (standard input): lines of the path of an image, a tab and its class; or a "
          "comma, where its name ends with .csv. In archives (--tar) an image's class is in a .cls, .txt or .json "
          "entry of the same name.",
          "Directories and classes in lists are matched with the labels of the model: by the whole label, by one of "
          "the names in it, by the WordNet id of an ImageNet class (n02123045); only if none matches, by the first "
          "word of a label (Latn of 'Latn Latin'), else directories by their order. What was matched with what is "
          "printed. Images of no class of the model are left out, which is said.",
          "The results are top-1 and top-5 with 95 % intervals, precision, recall and F1 for each class, the "
          "confusion matrix, and how far the probabilities can be trusted: the expected calibration error, and the "
          "temperature by which logits would have to be divided for the best probabilities."},
     .examples = EXAMPLES({"cvt eval pets -m mine.safetensors", "of pets/cat, pets/dog, ..."},
                          {"cvt eval -m cvt-13 pets -f json > pets.json", "everything, for programs"},
                          {"cvt eval pets -m mine.safetensors --confusion pets.svg --records pets.jsonl",
                           "also which classes are taken for each other, and a record for each image"})},
    {.name = "attend",
     .bit = CVT_CMD_ATTEND,
     .operands = "PATH...",
     .max = -1,
     .run = cvt_command_attend,
     .purpose = "show where in images a model looks",
     .about =
         {"A .png file gets the image with a heat map over it; .svg and .html files also a scale and a "
          "caption, as text; a .npy file the numbers of the map. Where the model's preprocessing cuts "
          "off the edges of the image, the map covers the part that the model sees, and the rest of the "
          "image has no colours. With -o DIR/ any number of images gets such files, and a record each in "
          "DIR/records.jsonl, which names the file.",
          images,
          "For a model with attention, the map tells how a layer shares its attention among the places of the image. "
          "For a model without attention, or with --class, it is the class activation map, which tells how much each "
          "place of the image speaks for a class."},
     .examples =
         EXAMPLES({"cvt attend cat.jpg -o where.png", "the last layer, or the best class"},
                  {"cvt attend -m cvt-13 --layer 0 --head 0 cat.jpg -o first.npy", "one head of the first layer"},
                  {"cvt attend -m cvt-13 --sheet cat.jpg -o sheet.html", "all layers and heads on one page"},
                  {"cvt attend -r photos -o maps/", "a heat map for each image, and maps/records.jsonl"})},
    {.name = "report",
     .bit = CVT_CMD_REPORT,
     .operands = "RECORDS...",
     .min = 1,
     .max = -1,
     .run = cvt_command_report,
     .purpose = "make a page to look at results with",
     .about =
         {"RECORDS is a file that cvt classify -f jsonl or cvt eval --records has written, or - for standard input. Of "
          "several files the page has a filter by file.",
          "The page is one file that any browser opens, without a network: the images, their classes and scores, and "
          "what failed. It sorts and filters by class, score and text, and where records have a \"truth\" it has a "
          "confusion matrix too. A line that is no record is told and left out."},
     .examples = EXAMPLES(
         {"cvt classify -r photos -o photos.jsonl --header", "the records, and what made them"},
         {"cvt report photos.jsonl -o photos.html", "the page of these records"},
         {"cvt report photos.jsonl -o photos.html --thumbnails 100", "a smaller page: other images are links"},
         {"cvt report photos.jsonl -o photos.html --attend cvt-13", "also where this model looks in each image"})},
    {.name = "convert",
     .bit = CVT_CMD_CONVERT,
     .operands = "MODEL",
     .min = 1,
     .max = 1,
     .run = cvt_command_convert,
     .purpose = "make one self-contained file of a model",
     .about = {"MODEL is a directory with config.json and weights, as a clone from a hub leaves it, or a file of "
               "weights for which -c names a config. The new file holds weights, config, preprocessing and labels."},
     .examples =
         EXAMPLES({"cvt convert cvt-13 -o small.safetensors --dtype f16", "16 bits for each weight: half the size"},
                  {"cvt classify -m small.safetensors cat.jpg", "the new file is a model like any other"})},
    {.name = "verify",
     .bit = CVT_CMD_VERIFY,
     .operands = "",
     .run = cvt_command_verify,
     .purpose = "check that a model gives here what it gave where it was converted",
     .about = {"The file holds golden data, which cvt convert --golden has stored: of some images that are made from "
               "a seed, what they are prepared to and what the model gives for them; and a hash of each tensor. "
               "Whatever differs here, the bytes of the file, the preparation of images or the kernels, is told, a "
               "line each; the status is then 1.",
               "Outputs may be off by what rounding makes."},
     .examples =
         EXAMPLES({"cvt convert cvt-13 -o cvt-13.safetensors --golden 4", "a model with golden data"},
                  {"cvt verify -m cvt-13.safetensors", "is this copy whole, and does this machine run it right?"})},
    {.name = "init",
     .bit = CVT_CMD_INIT,
     .operands = "",
     .run = cvt_command_init,
     .purpose = "make a model with random weights, for tests",
     .about = {"The same config and seed give the same weights on every machine."},
     .examples = EXAMPLES(
         {"cvt init -c configs/cvt-13.json --seed 1 -o random.safetensors", "a CvT-13 that has learned nothing"})},
    {.name = "bench",
     .bit = CVT_CMD_BENCH,
     .operands = "",
     .run = cvt_command_bench,
     .purpose = "measure how fast a model runs here",
     .about = {"The input of the forward passes is random; with -c alone the weights are random too."},
     .examples = EXAMPLES(
         {"cvt bench -m cvt-13 -t 1 --seconds 1 --profile", "one thread, with the time of each kind of operation"})},
    {.name = "list",
     .bit = CVT_CMD_LIST,
     .operands = "",
     .run = cvt_command_list,
     .purpose = "list the families of models, and the models at hand",
     .about =
         {"Models at hand are those that -m finds by name: directories and .safetensors files in the directories of "
          "CVT_MODEL_PATH, in ./models, in models beside the program, and in share/cvt/models where the program is "
          "installed. Of several models with one name the first counts."},
     .examples = EXAMPLES({"cvt list", "as text, for people"}, {"cvt list -f json", "everything, for programs"},
                          {"cvt list --only taps -m cvt-13", "the names for cvt run --tap"})},
    {.name = "help",
     .bit = CVT_CMD_HELP,
     .operands = "[COMMAND]",
     .max = 1,
     .run = cvt_command_help,
     .purpose = "explain a command",
     .examples = EXAMPLES({"cvt help classify", "what it does, its options, examples"})},
    {.name = "completion",
     .bit = CVT_CMD_COMPLETION,
     .operands = "bash|zsh|fish",
     .min = 1,
     .max = 1,
     .run = cvt_command_completion,
     .purpose = "write a script with which a shell completes cvt's commands and options",
     .examples = EXAMPLES({"cvt completion bash > cvt.bash", "for bash, which reads it with: source cvt.bash"})},
    {.name = NULL},
};

const cvt_command *cvt_command_find(const char *name) {
    for (const cvt_command *command = cvt_commands; command->name; command++)
        if (strcmp(command->name, name) == 0) return command;
    return NULL;
}

static const char *next_command(const void *commands, size_t i) { return ((const cvt_command *)commands)[i].name; }

bool cvt_command_is_model(const cvt_cli *cli, const char *name) {
    const cvt_settings settings = {.model = name};
    const cvt_options options = {.weights_later = true};
    cvt_str path = {0};
    cvt_model *model = NULL;
    cvt_error error;
    const bool is = cvt_models_try(cli, &settings, &options, &model, &path, &error) == CVT_OK;
    if (is) cvt_model_free(model);
    cvt_str_free(&path);
    return is;
}

int cvt_command_unknown(const cvt_cli *cli, const char *name) {
    if (cvt_file_exists(name) && !cvt_command_is_model(cli, name))
        return cvt_cli_usage(cli, "unknown command '%s' (to classify it: %s classify %s)", name, cvt_cli_name(cli),
                             name);
    const char *nearest = cvt_opt_nearest(name, next_command, cvt_commands);
    if (nearest) return cvt_cli_usage(cli, "unknown command '%s' (did you mean '%s'?)", name, nearest);
    return cvt_cli_usage(cli, "unknown command '%s'; '%s help' lists them", name, cvt_cli_name(cli));
}
