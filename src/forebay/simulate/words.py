"""Names and words for made-up events; ours, in English. Addresses of mail and pages are under `example`,
so that nobody's are hit.
"""

from __future__ import annotations


def _of(text: str) -> list[str]:
    return text.split()


FIRST_NAMES = _of("""
Ada Adam Aisha Alba Alex Alice Amara Amir Ana Anders Andrea Anika Anton Aria Arjun Astrid Aya Bao Beatriz Ben
Bianca Bruno Camila Carla Carlos Chen Chiara Chloe Clara Daniel Daria David Diego Dina Elena Eli Elias Elin Emil
Emma Enzo Erik Esra Eva Fatima Felix Finn Frida Gabriel Gita Grace Greta Hana Hannah Hassan Hugo Ibrahim Ida Ines
Ingrid Irina Isabel Ivan Jack James Jana Jasmin Jin Joana Johan Jonas Jun Kai Karim Kenji Kira Lars Laura Layla Lea
Leo Liam Lina Linh Lola Louis Luca Lucia Luis Maja Mara Marco Maria Mario Marta Mateo Max Maya Mei Mila Mina Nadia
Nia Nils Nina Noah Noor Nora Olga Oliver Omar Oscar Pablo Paula Pavel Petra Pia Priya Rafael Rania Ravi Rosa Ruben
Ruth Sam Samira Sara Sasha Selma Simon Sofia Stella Sven Tara Theo Thomas Tim Tomas Uma Vera Viktor Wei Yara Yuki
Yusuf Zara Zoe
""")

LAST_NAMES = _of("""
Abbott Adams Ali Almeida Andersen Bakker Barros Baum Becker Berg Bianchi Blanc Brandt Brown Carvalho Castillo Chen
Clark Costa Cruz Dahl Diallo Diaz Dubois Duran Eriksen Evans Farah Fernandez Fischer Fontana Garcia Gomez Green
Gruber Gupta Haas Hall Hansen Hayes Herrera Hill Hoffman Huang Hughes Ibrahim Ito Ivanova Jansen Jensen Johnson
Jones Kaya Keller Khan Kim King Klein Koch Kowalski Kumar Lang Larsen Lee Lehmann Lewis Lim Lindberg Lopez Maier
Marino Martin Mendes Meyer Miller Moore Mori Moreau Morgan Murphy Nakamura Nguyen Nielsen Novak Olsen Ortiz Osman
Park Patel Pereira Petrov Pham Popescu Quinn Ramos Reed Reyes Ricci Rivera Roberts Rossi Roy Ruiz Saito Santos
Sato Schmidt Schulz Scott Sharma Silva Singh Smith Sousa Suzuki Takahashi Tanaka Taylor Thomas Torres Tran Turner
Vargas Vega Vogel Wagner Walker Wang Weber White Wilson Wolf Wong Wood Wright Yamada Yang Yilmaz Young Zhang
""")

NAME_PREFIXES = ["Mr.", "Mrs.", "Ms.", "Miss", "Dr."]
NAME_SUFFIXES = ["Jr.", "Sr.", "I", "II", "III", "IV", "V", "MD", "DDS", "PhD"]
JOB_DESCRIPTORS = _of("""
Lead Senior Direct Corporate Dynamic Future Product National Regional District Central Global Customer Investor
International Legacy Forward Internal Human Chief Principal
""")
JOB_AREAS = _of("""
Solutions Program Brand Security Research Marketing Directives Implementation Integration Functionality Response
Paradigm Tactics Identity Markets Group Division Applications Optimization Operations Infrastructure Accounts Data
Quality Metrics
""")
JOB_TYPES = _of("""
Supervisor Associate Executive Officer Manager Engineer Specialist Director Coordinator Administrator Architect
Analyst Designer Planner Technician Developer Producer Consultant Assistant Agent Representative Strategist
""")

CITY_PREFIXES = ["North", "East", "West", "South", "New", "Lake", "Port", "Old", "Upper", "Lower"]
CITY_SUFFIXES = _of("""
town ton land ville berg burgh borough bury view port mouth stad furt chester fort haven side shire field dale
""")
STREET_SUFFIXES = _of("""
Alley Avenue Bend Boulevard Branch Bridge Circle Court Crescent Drive Gardens Grove Heights Hill Lane Lodge Mews
Mill Park Path Place Plaza Ridge Road Row Square Station Street Terrace Trail Valley View Walk Way
""")
COUNTIES = _of("""
Avon Bedfordshire Berkshire Borders Buckinghamshire Cambridgeshire Cheshire Cornwall Cumbria Derbyshire Devon Dorset
Durham Essex Gloucestershire Hampshire Kent Lancashire Norfolk Oxfordshire Rutland Shropshire Somerset Suffolk Surrey
""")
COUNTRIES = {
    "AR": "Argentina", "AT": "Austria", "AU": "Australia", "BD": "Bangladesh", "BE": "Belgium", "BR": "Brazil",
    "CA": "Canada", "CH": "Switzerland", "CL": "Chile", "CN": "China", "CO": "Colombia", "CZ": "Czechia",
    "DE": "Germany", "DK": "Denmark", "EG": "Egypt", "ES": "Spain", "FI": "Finland", "FR": "France",
    "GB": "United Kingdom", "GH": "Ghana", "GR": "Greece", "HU": "Hungary", "ID": "Indonesia", "IE": "Ireland",
    "IL": "Israel", "IN": "India", "IS": "Iceland", "IT": "Italy", "JP": "Japan", "KE": "Kenya",
    "KR": "South Korea", "MA": "Morocco", "MX": "Mexico", "MY": "Malaysia", "NG": "Nigeria", "NL": "Netherlands",
    "NO": "Norway", "NP": "Nepal", "NZ": "New Zealand", "PE": "Peru", "PH": "Philippines", "PL": "Poland",
    "PT": "Portugal", "RO": "Romania", "SE": "Sweden", "SG": "Singapore", "TH": "Thailand", "TN": "Tunisia",
    "TR": "Turkey", "UA": "Ukraine", "US": "United States of America", "VN": "Viet Nam", "ZA": "South Africa",
}  # fmt: skip
STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho",
    "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania",
    "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas",
    "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia",
    "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip

COLORS = _of("""
azure black blue bronze coral cyan fuchsia gold green grey indigo ivory lavender lime magenta maroon mint olive
orange orchid pink plum purple red salmon silver tan teal turquoise violet white yellow
""")
DEPARTMENTS = _of("""
Automotive Baby Beauty Books Clothing Computers Electronics Games Garden Grocery Health Home Industrial Jewelry Kids
Movies Music Outdoors Shoes Sports Tools Toys
""")
PRODUCT_ADJECTIVES = _of("""
Awesome Ergonomic Fantastic Generic Gorgeous Handcrafted Handmade Incredible Intelligent Licensed Practical Refined
Rustic Sleek Small Tasty Unbranded
""")
PRODUCT_MATERIALS = _of(
    "Bamboo Ceramic Concrete Cotton Fresh Frozen Granite Leather Metal Plastic Rubber Soft Steel Wooden"
)
PRODUCTS = _of("""
Backpack Ball Bike Bottle Car Chair Computer Fish Gloves Hat Jacket Keyboard Lamp Mouse Notebook Pants Phone Pizza
Shirt Shoes Soap Table Towels Tuna
""")

COMPANY_SUFFIXES = ["Inc", "and Sons", "LLC", "Group"]
CATCH_ADJECTIVES = _of("""
Adaptive Advanced Balanced Compatible Configurable Cross-platform Decentralized Distributed Diverse Enhanced
Fundamental Integrated Intuitive Managed Multi-layered Open-source Organic Persistent Proactive Programmable Reactive
Robust Seamless Secured Streamlined Synchronised Universal User-friendly Versatile
""")
CATCH_DESCRIPTORS = _of("""
analyzing asynchronous bifurcated bottom-line client-driven coherent context-sensitive demand-driven didactic dynamic
empowering encompassing explicit full-range global heuristic high-level holistic impactful incremental interactive
local logistical mission-critical modular multimedia needs-based neutral next-generation object-oriented optimal
real-time regional responsive scalable stable static systematic tangible transitional uniform
""")
CATCH_NOUNS = _of("""
ability access alliance analyzer application approach architecture archive array attitude benchmark capability
capacity challenge circuit collaboration complexity concept core database definition emulation encoding encryption
firmware flexibility forecast framework function hardware hierarchy hub implementation initiative interface
knowledge-base matrix middleware migration model moratorium network paradigm pricing-structure product productivity
project protocol secured-line software solution standardization strategy success support synergy throughput
utilization website workforce
""")
BS_ADJECTIVES = _of("""
back-end best-of-breed clicks-and-mortar compelling cross-media customized distributed dynamic efficient end-to-end
enterprise extensible front-end global granular holistic innovative integrated interactive intuitive magnetic
one-to-one open-source plug-and-play proactive real-time robust scalable seamless sticky strategic turn-key
value-added viral virtual visionary wireless world-class
""")
BS_VERBS = _of("""
aggregate architect benchmark brand cultivate deliver deploy drive embrace empower enable engage engineer enhance
evolve expedite exploit extend facilitate generate grow harness implement incubate innovate integrate iterate
leverage matrix mesh monetize optimize orchestrate reinvent scale seize streamline strategize syndicate synergize
target transform transition unleash utilize visualize whiteboard
""")
BS_NOUNS = _of("""
action-items applications architectures bandwidth channels communities content convergence deliverables e-business
e-commerce e-markets e-services eyeballs experiences functionalities infomediaries infrastructures initiatives
interfaces markets methodologies metrics mindshare models networks niches paradigms partnerships platforms portals
relationships schemas solutions supply-chains synergies systems technologies users vortals
""")

ACCOUNT_TYPES = [
    "Checking", "Savings", "Money Market", "Investment", "Home Loan", "Credit Card", "Auto Loan", "Personal Loan",
]  # fmt: skip
TRANSACTIONS = ["deposit", "withdrawal", "payment", "invoice"]
CURRENCIES = {
    "US Dollar": ("USD", "$"), "Euro": ("EUR", "€"), "Pound Sterling": ("GBP", "£"), "Yen": ("JPY", "¥"),
    "Swiss Franc": ("CHF", "CHF"), "Canadian Dollar": ("CAD", "$"), "Australian Dollar": ("AUD", "$"),
    "Yuan Renminbi": ("CNY", "¥"), "Indian Rupee": ("INR", "₹"), "Brazilian Real": ("BRL", "R$"),
    "Rand": ("ZAR", "R"), "Swedish Krona": ("SEK", "kr"), "Norwegian Krone": ("NOK", "kr"),
    "Danish Krone": ("DKK", "kr"), "Zloty": ("PLN", "zł"), "Czech Koruna": ("CZK", "Kč"),
    "Turkish Lira": ("TRY", "₺"), "Mexican Peso": ("MXN", "$"), "Won": ("KRW", "₩"), "Baht": ("THB", "฿"),
    "Singapore Dollar": ("SGD", "$"), "New Zealand Dollar": ("NZD", "$"), "Forint": ("HUF", "Ft"),
    "New Israeli Sheqel": ("ILS", "₪"), "Philippine Peso": ("PHP", "₱"), "Naira": ("NGN", "₦"),
}  # fmt: skip

HACKER_ABBREVIATIONS = _of("""
TCP HTTP SDD RAM GB CSS SSL AGP SQL FTP PCI AI ADP RSS XML EXE COM HDD THX SMTP SMS USB PNG SAS IB SCSI JSON XSS JBOD
""")
HACKER_ADJECTIVES = _of("""
auxiliary primary back-end digital open-source virtual cross-platform redundant online haptic multi-byte bluetooth
wireless 1080p neural optical solid-state mobile
""")
HACKER_NOUNS = _of("""
driver protocol bandwidth panel microchip program port card array interface system sensor firewall pixel alarm feed
monitor application transmitter bus circuit capacitor matrix
""")
HACKER_VERBS = _of("""
back-up bypass hack override compress copy navigate index connect generate quantify calculate synthesize input
transmit program reboot parse
""")
HACKER_INGVERBS = _of("""
backing-up bypassing hacking overriding compressing copying navigating indexing connecting generating quantifying
calculating synthesizing transmitting programming parsing
""")

LOREM = _of("""
a ab accusamus ad alias aliquam amet animi aperiam architecto aspernatur at atque aut autem beatae commodi
consectetur consequatur consequuntur corporis corrupti culpa cum cumque cupiditate debitis delectus deleniti deserunt
dicta dignissimos distinctio dolor dolore dolorem doloremque dolores ducimus ea eaque earum eius eligendi enim eos
error esse est et eum eveniet ex excepturi exercitationem expedita explicabo facere facilis fuga fugiat harum hic id
illo illum impedit in incidunt inventore ipsa ipsam ipsum iste itaque iure iusto labore laborum laudantium libero
magnam magni maiores maxime minima minus modi molestiae molestias mollitia nam natus necessitatibus nemo neque nihil
nisi nobis non nostrum nulla numquam occaecati odio odit officia officiis omnis optio pariatur perferendis
perspiciatis placeat porro possimus praesentium provident quae quam quasi qui quia quibusdam quidem quis quisquam quo
quod quos ratione recusandae rem repellat repellendus reprehenderit repudiandae rerum saepe sapiente sed sequi
similique sint sit soluta sunt suscipit tempora tempore temporibus tenetur totam ullam unde ut vel velit veniam
veritatis vero vitae voluptas voluptate voluptatem voluptates voluptatum
""")

DOMAIN_SUFFIXES = ["example", "example.com", "example.net", "example.org"]
MAIL_DOMAINS = ["example.com", "example.net", "example.org"]
USER_AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
]
LOCALES = [
    "cz",
    "de",
    "en",
    "en_GB",
    "en_US",
    "es",
    "fr",
    "it",
    "ja",
    "ko",
    "nl",
    "pl",
    "pt_BR",
    "sv",
    "tr",
    "vi",
]
MIME_TYPES = {
    "application/pdf": "pdf", "application/json": "json", "application/zip": "zip", "audio/mpeg": "mp3",
    "audio/wav": "wav", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "text/html": "html",
    "text/csv": "csv", "text/plain": "txt", "video/mp4": "mp4", "video/mpeg": "mpg",
}  # fmt: skip
IMAGE_KINDS = _of("""
abstract animals business cats city food nightlife fashion people nature sports technics transport
""")
