"""The facts of Tidewell Library and Workshop: everything the desk can be asked about."""

from __future__ import annotations

from typing import NamedTuple


class Branch(NamedTuple):
    """A building, with opening and closing hours from Monday to Saturday (0 = closed)."""

    name: str
    hours: tuple[tuple[float, float], ...]


BRANCHES = (
    Branch("Quay Street", ((9, 18), (9, 18), (9, 20), (9, 18), (9, 17), (10, 16))),
    Branch("Hill Road", ((0, 0), (10, 17), (10, 17), (12, 19), (10, 17), (10, 13))),
    Branch("Ferry Lane workshop", ((0, 0), (13, 21), (13, 21), (10, 21), (13, 18), (9, 17))),
    Branch("Heron book van", ((14, 16.5), (0, 0), (9.5, 12), (14, 17), (9.5, 11), (0, 0))),
)


class Tool(NamedTuple):
    """A tool that can be taken home."""

    name: str
    days: int
    deposit: int
    bay: str
    kilos: float
    uses: tuple[str, ...]
    care: str


TOOLS = (
    Tool("cordless drill", 7, 20, "A1", 2, ("put up shelves", "hang a heavy mirror"), "charge both batteries"),
    Tool("hammer drill", 4, 30, "A2", 3.5, ("fix a bracket to a brick wall", "hang a gate post"), "brush the dust out of the chuck"),
    Tool("jigsaw", 4, 25, "A3", 2.5, ("cut a curve in a worktop", "make a plywood toy box"), "take the blade out"),
    Tool("circular saw", 3, 40, "A4", 4.5, ("cut down an old door", "trim floor boards"), "lock the guard and wind the cable loosely"),
    Tool("orbital sander", 4, 25, "A5", 1.5, ("sand a pine table", "strip a painted chair"), "empty the dust bag"),
    Tool("belt sander", 3, 30, "A6", 4, ("level a rough bench top", "clean up deck boards"), "take off the used belt"),
    Tool("heat gun", 3, 20, "A7", 1, ("soften old putty", "lift paint from a window frame"), "let it cool for half an hour"),
    Tool("glue gun", 7, 5, "A8", 0.5, ("make party masks", "mend a model boat"), "leave no glue stick inside"),
    Tool("soldering iron", 7, 10, "A9", 0.5, ("mend a toy train", "fix a loose headphone wire"), "tin the tip"),
    Tool("multimeter", 7, 10, "B1", 0.5, ("find a dead battery", "check a bicycle light"), "turn the dial to off"),
    Tool("wallpaper steamer", 3, 25, "B2", 5, ("strip a hallway", "take woodchip off a ceiling"), "drain the tank"),
    Tool("tile cutter", 4, 20, "B3", 6, ("tile a splashback", "lay a bathroom floor"), "wipe the rails dry"),
    Tool("floor nailer", 3, 40, "B4", 5, ("lay oak boards", "finish a loft floor"), "clear the magazine"),
    Tool("pipe wrench", 7, 10, "B5", 2, ("undo a radiator valve", "free a seized tap"), "wipe the jaws with an oily rag"),
    Tool("drain rods", 4, 10, "B6", 7, ("clear a blocked gully", "unblock a garden drain"), "hose the rods down"),
    Tool("socket set", 7, 15, "B7", 4, ("change a car wheel", "take a cot apart"), "count the sockets back into the case"),
    Tool("torque wrench", 7, 20, "B8", 1.5, ("tighten wheel nuts", "fit a bicycle crank"), "wind the scale back to zero"),
    Tool("spirit level", 14, 5, "B9", 1, ("hang a picture rail", "set paving stones"), "keep it in its sleeve"),
    Tool("laser level", 4, 30, "C1", 1, ("line up kitchen units", "mark out a fence"), "switch the lock on before packing"),
    Tool("stud finder", 7, 10, "C2", 0.5, ("find a joist", "hang a television"), "take the battery out"),
    Tool("mitre saw", 3, 45, "C3", 12, ("cut skirting boards", "frame a print"), "lock the head down"),
    Tool("workbench", 7, 15, "C4", 13, ("saw planks outdoors", "repair a window sash"), "fold the legs and wipe the top"),
    Tool("set of chisels", 7, 15, "C5", 1, ("fit a door hinge", "carve a spoon"), "put the guards back on"),
    Tool("block plane", 7, 15, "C6", 1, ("ease a sticking door", "trim a drawer"), "rest it on its side"),
    Tool("pair of long clamps", 7, 10, "C7", 3, ("glue a table leg", "press a chopping board"), "scrape off dried glue"),
    Tool("staple gun", 7, 10, "C8", 1, ("cover a stool", "stretch a canvas"), "leave it empty"),
    Tool("ladder", 4, 20, "D1", 9, ("clear a gutter", "wash the upstairs windows"), "strap the two halves together"),
    Tool("step stool", 14, 5, "D2", 3, ("change a light bulb", "paint a door frame"), "wipe the treads"),
    Tool("hedge trimmer", 3, 30, "D3", 4, ("cut a privet hedge", "shape a box bush"), "brush the blades and fit the cover"),
    Tool("strimmer", 3, 30, "D4", 5, ("clear nettles", "tidy an allotment path"), "scrape the grass off the guard"),
    Tool("garden shredder", 2, 40, "D5", 20, ("shred apple prunings", "make bark mulch"), "run it empty for a minute"),
    Tool("wheelbarrow", 4, 10, "D6", 12, ("move gravel", "shift a load of compost"), "rinse the tray"),
    Tool("post hole digger", 3, 15, "D7", 6, ("set fence posts", "plant a young tree"), "knock off the clay"),
    Tool("pressure washer", 3, 35, "D8", 15, ("clean a patio", "wash a muddy trailer"), "drain the hose"),
    Tool("lawn aerator", 3, 10, "D9", 5, ("air a tired lawn", "prepare grass for seed"), "clean the tines"),
    Tool("sewing machine", 14, 30, "E1", 7, ("hem curtains", "take in a costume"), "set the needle up and close the lid"),
    Tool("overlocker", 7, 35, "E2", 6, ("finish a seam", "sew stretchy leggings"), "leave the threads in place"),
    Tool("badge maker", 7, 15, "E3", 3, ("make badges for a school fair", "print name badges for a wedding"), "count the spare pins"),
    Tool("button press", 7, 10, "E4", 2, ("cover buttons for a coat", "repair a cushion"), "keep the dies in their tin"),
    Tool("carpet cleaner", 2, 35, "E5", 10, ("clean a stair carpet", "lift a coffee stain"), "empty both tanks"),
    Tool("dehumidifier", 7, 30, "E6", 11, ("dry a damp cellar", "save a wet box of photographs"), "pour the water away"),
    Tool("thermal camera", 2, 50, "E7", 1, ("find a draught", "look for a cold bridge"), "wipe nothing but the case"),
    Tool("bicycle stand", 7, 15, "E8", 6, ("tune gears", "change a bicycle chain"), "fold the feet in"),
    Tool("car jack", 3, 20, "E9", 14, ("swap a flat tyre", "look under a van"), "let the arm right down"),
    Tool("projector", 3, 40, "F1", 3, ("show a film in the garden", "give a talk at a club"), "let the fan stop before you unplug it"),
    Tool("folding tables", 4, 15, "F2", 16, ("run a cake stall", "lay out a jumble sale"), "wipe the tops and tie the legs"),
    Tool("gazebo", 4, 25, "F3", 18, ("shelter a street party", "shade a stall"), "dry the roof before you roll it"),
    Tool("karaoke set", 3, 30, "F4", 8, ("liven up a birthday", "raise money at the rowing club"), "coil the microphone leads"),
)


class Book(NamedTuple):
    """A title on the shelves."""

    title: str
    author: str
    kind: str
    shelf: str
    pages: int
    about: str


BOOKS = (
    Book("The Salt Ledger", "M. Arkwell", "novel", "F3", 312, "a clerk who finds a false page in the accounts of a salt works"),
    Book("Nine Lamps on the Water", "Ifan Prys", "novel", "F3", 288, "a ferry family during one long winter flood"),
    Book("A Field Guide to Mud", "Orla Denholm", "nature guide", "N1", 196, "the birds, worms and plants of the tidal flats"),
    Book("The Clockmaker's Second Wife", "Hester Vane", "historical novel", "F5", 420, "a widow who keeps a clock shop open in hard times"),
    Book("Bread Without Hurry", "Teo Marchetti", "cookbook", "C2", 180, "slow loaves, flatbreads and what to do with stale crusts"),
    Book("Small Engines, Plainly", "R. Oduya", "repair manual", "T4", 240, "how to look after mowers, outboards and mopeds"),
    Book("The Girl Who Counted Gulls", "Sunniva Holm", "children's story", "J2", 96, "a shy girl who keeps a gull diary and solves a theft"),
    Book("Captain Parsnip", "Dot Fairley", "picture book", "J1", 32, "a vegetable pirate who is afraid of soup"),
    Book("Murder at Low Tide", "P. L. Canning", "detective story", "F7", 274, "a body under the pier and a town full of alibis"),
    Book("The Quiet Signal", "Jun Takeda", "thriller", "F8", 350, "a radio operator who hears her own voice from the future"),
    Book("Orchard Maths", "Nell Abara", "school book", "S2", 144, "fractions and percentages told with apples"),
    Book("How Bridges Stand", "Viktor Lund", "engineering book", "T1", 210, "arches, trusses and cables for curious readers"),
    Book("Letters to a Lighthouse", "Anselm Grey", "poetry", "P1", 88, "short poems about weather, work and waiting"),
    Book("The Tin Opera", "Bruna Salles", "novel", "F2", 265, "a travelling theatre that plays on toy instruments"),
    Book("Knots for Every Day", "S. Whitlow", "craft manual", "T7", 120, "forty knots for boats, parcels and washing lines"),
    Book("Grandmother's Radio", "Kofi Mensah-Lane", "memoir", "B2", 224, "growing up above a radio repair shop"),
    Book("The Paper Garden", "Ling Su", "craft manual", "T7", 136, "flowers and trees folded from old maps"),
    Book("Moths of the Estuary", "Ivo Brandt", "nature guide", "N1", 260, "sixty moths and the nights on which they fly"),
    Book("The Unlucky Baker", "Dot Fairley", "picture book", "J1", 32, "a baker whose cakes keep running away"),
    Book("Stone, Wool, Salt", "Eira Coombe", "local history", "H1", 198, "the three trades that built Tidewell"),
    Book("Cold Harbour Road", "P. L. Canning", "detective story", "F7", 290, "a missing postman and a forged will"),
    Book("Learning to Weld", "R. Oduya", "repair manual", "T4", 168, "a patient first course for the home workshop"),
    Book("The Map of Lost Dogs", "Juniper Cole", "children's story", "J3", 154, "two cousins who chart every stray dog in town"),
    Book("A Room with No Clock", "Hester Vane", "historical novel", "F5", 388, "a night nurse in a seaside hospital"),
    Book("Soup for Forty", "Teo Marchetti", "cookbook", "C2", 152, "village hall cooking for crowds on small budgets"),
    Book("The Last Signal Box", "Alder Finch", "railway history", "H3", 230, "the men and women who worked the branch line"),
    Book("Plain Python", "Mira Castell", "computer book", "T9", 205, "a first programming course with library examples"),
    Book("Tables and Queries", "Mira Castell", "computer book", "T9", 190, "how to ask good questions of a database"),
    Book("The Glass Orchard", "Yara Nasser", "fantasy novel", "F9", 460, "an orchard whose fruit shows other people's dreams"),
    Book("Wolves of the Ninth Hill", "Yara Nasser", "fantasy novel", "F9", 512, "a shepherd who must bargain with talking wolves"),
    Book("The Night Bus to Ardle", "Callan Roe", "short stories", "F1", 176, "twelve strangers on one late bus"),
    Book("Chess for Two Beginners", "Otto Winkel", "game book", "G1", 110, "openings and endings for people who learn together"),
    Book("Birdsong for the Tone-Deaf", "Orla Denholm", "nature guide", "N2", 142, "how to tell songs apart by rhythm"),
    Book("The Widow's Outboard", "Ifan Prys", "novel", "F3", 301, "a woman who takes over her husband's boatyard"),
    Book("Sewing from Scratch", "Amina Barlow", "craft manual", "T6", 160, "first stitches, hems and a simple skirt"),
    Book("Mend It Twice", "Amina Barlow", "craft manual", "T6", 148, "darning, patching and visible repair"),
    Book("Atlas of Invisible Islands", "Sunniva Holm", "travel book", "V1", 276, "islands that were drawn on charts but never existed"),
    Book("My First Tide Table", "Bram Keel", "picture book", "J1", 28, "why the sea goes away and comes back"),
    Book("The Understudy Robot", "Jun Takeda", "science fiction", "F8", 334, "a stage robot that wants the leading part"),
    Book("Platform Nine and a Bit", "Callan Roe", "children's story", "J3", 132, "a platform that appears on foggy days"),
    Book("Bees on a Balcony", "Greta Oyelaran", "gardening book", "N4", 128, "keeping one small hive in a town"),
    Book("Potatoes in Buckets", "Greta Oyelaran", "gardening book", "N4", 116, "vegetables for yards and steps"),
    Book("The Debt Collector's Umbrella", "M. Arkwell", "novel", "F3", 296, "a comic tale of money, rain and love"),
    Book("Sign Language for Shops", "Lowri Tamm", "language book", "L2", 104, "two hundred useful signs with photographs"),
    Book("Welsh in Ten Walks", "Ifan Prys", "language book", "L1", 166, "everyday Welsh learned along the coast path"),
    Book("The Wreck of the Annabel", "Eira Coombe", "local history", "H1", 214, "a shipwreck, its cargo and the trial that followed"),
    Book("Ghosts of Ferry Lane", "Bram Keel", "local history", "H1", 102, "old stories from the workshop quarter"),
    Book("Calm Budgeting", "Nell Abara", "money guide", "M1", 132, "a household budget in six short evenings"),
    Book("Running After Fifty", "Sol Aguirre", "health book", "M3", 174, "gentle plans for late starters"),
    Book("The Insomniac's Almanac", "Anselm Grey", "essays", "P2", 208, "one small essay for every sleepless hour"),
)
