package rules

// mediaTypes are the media types (IANA's names) that files with these endings have.
// An ending that is not here can be written itself.
var mediaTypes = map[string]string{
	".avif": "image/avif", ".bmp": "image/bmp", ".gif": "image/gif", ".heic": "image/heic", ".heif": "image/heif",
	".ico": "image/vnd.microsoft.icon", ".jpe": "image/jpeg", ".jpeg": "image/jpeg", ".jpg": "image/jpeg",
	".jxl": "image/jxl", ".png": "image/png", ".psd": "image/vnd.adobe.photoshop", ".svg": "image/svg+xml",
	".tif": "image/tiff", ".tiff": "image/tiff", ".webp": "image/webp",
	".arw": "image/x-sony-arw", ".cr2": "image/x-canon-cr2", ".cr3": "image/x-canon-cr3", ".dng": "image/x-adobe-dng", ".nef": "image/x-nikon-nef",

	".3gp": "video/3gpp", ".avi": "video/x-msvideo", ".m4v": "video/x-m4v", ".mkv": "video/matroska", ".mov": "video/quicktime",
	".mp4": "video/mp4", ".mpeg": "video/mpeg", ".mpg": "video/mpeg", ".mts": "video/mp2t", ".ogv": "video/ogg",
	".webm": "video/webm", ".wmv": "video/x-ms-wmv",

	".aac": "audio/aac", ".aiff": "audio/aiff", ".flac": "audio/flac", ".m4a": "audio/mp4", ".mid": "audio/midi", ".mka": "audio/matroska",
	".mp3": "audio/mpeg", ".oga": "audio/ogg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".wav": "audio/wav", ".wma": "audio/x-ms-wma",

	".csv": "text/csv", ".htm": "text/html", ".html": "text/html", ".ics": "text/calendar", ".log": "text/plain",
	".md": "text/markdown", ".tsv": "text/tab-separated-values", ".txt": "text/plain", ".vcf": "text/vcard",

	".ttf": "font/ttf", ".otf": "font/otf", ".woff": "font/woff", ".woff2": "font/woff2",

	".7z": "application/x-7z-compressed", ".bz2": "application/x-bzip2", ".deb": "application/vnd.debian.binary-package",
	".doc": "application/msword", ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".epub": "application/epub+zip", ".gz": "application/gzip", ".iso": "application/x-iso9660-image", ".json": "application/json",
	".odp": "application/vnd.oasis.opendocument.presentation", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
	".odt": "application/vnd.oasis.opendocument.text", ".pdf": "application/pdf", ".ppt": "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", ".rar": "application/vnd.rar",
	".rtf": "application/rtf", ".tar": "application/x-tar", ".tgz": "application/gzip", ".xls": "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xml": "application/xml", ".xz": "application/x-xz",
	".zip": "application/zip", ".zst": "application/zstd",
}
